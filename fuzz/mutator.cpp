// SPDX-License-Identifier: MPL-2.0
#include "fuzz/mutator.h"

#include <algorithm>

#include "props/gen/author.h"

namespace fuzz {

namespace {

using trace::Call;
using trace::Trace;

// New calls, to be drawn where the call of that number stands.
struct Draw {
  std::size_t at = 0;
  std::size_t count = 0;
};

// The bytes of a trace, gone through call by call with an author who asks the model: there new
// calls are drawn, and what a change has made senseless, or long, is left out.
std::vector<std::uint8_t> rewritten(const Trace& trace, Draw draw, std::size_t most,
                                    props::Dice& dice) {
  // Now and then all is left as it is, so that passing over is tried too.
  const bool keeps_all = dice.one_in(64);
  props::Author author(trace.machine, props::any_taste(dice, trace.machine), dice);
  author.be_brief();
  std::vector<std::uint8_t> bytes = trace::encode({.machine = trace.machine});
  bytes.reserve(most + trace::kRecordBytes);
  auto write = [&](const trace::Record& record) {
    bytes.insert(bytes.end(), record.begin(), record.end());
  };
  auto is_full = [&] { return bytes.size() + trace::kRecordBytes > most; };
  for (std::size_t i = 0; i <= trace.calls.size() && !is_full(); ++i) {
    for (; i == draw.at && draw.count > 0 && !author.is_over() && !is_full(); --draw.count) {
      if (const auto call = author.next()) write(trace::encode_call(*call));
    }
    if (i == trace.calls.size() || is_full() || (author.is_over() && !keeps_all)) break;
    if (author.takes_long(trace.calls[i])) continue;
    author.ask(trace.calls[i]);
    if (author.has_asked() || keeps_all) write(trace::encode_call(trace.calls[i]));
  }
  bytes.resize(std::min(bytes.size(), most));
  return bytes;
}

// A change of one trace.
class Mutation {
 public:
  Mutation(Trace& trace, props::Dice& dice, ChangeBytes change_bytes)
      : trace_(trace), dice_(dice), change_bytes_(change_bytes) {}

  // What is to be drawn then.
  Draw make() {
    if (trace_.calls.empty()) return insert();
    switch (dice_.below(16)) {
      case 0:
      case 1: return remove(), Draw{};
      case 2: return std::iter_swap(some(), some()), Draw{};
      case 3: return change(), Draw{};
      case 4: return repeat(), Draw{};
      case 5: return redraw();
      case 6: return change_lane(), Draw{};
      case 7: return trace_.machine = props::any_machine(dice_), Draw{};
      default: return insert();
    }
  }

 private:
  std::size_t index() const { return dice_.below(trace_.calls.size()); }
  std::vector<Call>::iterator some() const { return at(index()); }
  std::vector<Call>::iterator at(std::size_t index) const {
    return trace_.calls.begin() + static_cast<std::ptrdiff_t>(index);
  }

  // Mostly at the end, where what was found lies.
  Draw insert() const {
    const std::size_t end = trace_.calls.size();
    return {dice_.one_in(4) ? dice_.below(end + 1) : end, 1 + dice_.below(4)};
  }

  void remove() {
    const std::size_t first = index();
    const std::size_t count =
        dice_.one_in(4) ? 1 + dice_.below(trace_.calls.size() - first) : std::size_t{1};
    trace_.calls.erase(at(first), at(first + count));
  }

  // One field, or a few.
  void change() {
    const auto call = some();
    trace::Record record = trace::encode_call(*call);
    change_bytes_(record.data(), record.size(), record.size());
    *call = trace::decode_call(record);
  }

  void repeat() {
    const Call call = *some();
    trace_.calls.insert(some(), call);
  }

  Draw redraw() {
    const std::size_t where = index();
    trace_.calls.erase(at(where));
    return {where, 1};
  }

  void change_lane() {
    some()->lane.index = static_cast<std::uint8_t>(dice_.below(trace_.machine.cpus.count));
  }

  Trace& trace_;
  props::Dice& dice_;
  ChangeBytes change_bytes_;
};

}  // namespace

std::vector<std::uint8_t> mutated(const std::uint8_t* data, std::size_t size, std::size_t most,
                                  std::uint64_t seed, ChangeBytes change_bytes) {
  props::Dice dice(seed);
  Trace trace = trace::decode({data, size});
  if (size == 0) trace.machine = props::any_machine(dice);
  const Draw draw = Mutation(trace, dice, change_bytes).make();
  return rewritten(trace, draw, most, dice);
}

std::vector<std::uint8_t> crossed(const std::uint8_t* left, std::size_t left_size,
                                  const std::uint8_t* right, std::size_t right_size,
                                  std::size_t most, std::uint64_t seed) {
  props::Dice dice(seed);
  Trace trace = trace::decode({left, left_size});
  const Trace other = trace::decode({right, right_size});
  trace.calls.resize(dice.below(trace.calls.size() + 1));
  const std::size_t from = dice.below(other.calls.size() + 1);
  trace.calls.insert(trace.calls.end(), other.calls.begin() + static_cast<std::ptrdiff_t>(from),
                     other.calls.end());
  return rewritten(trace, {}, most, dice);
}

}  // namespace fuzz
