// SPDX-License-Identifier: MPL-2.0
#include "fuzz/mutator.h"

#include <algorithm>

#include "props/gen/op.h"

namespace fuzz {

namespace {

using trace::Call;
using trace::Trace;

// Room for the first record, too.
std::size_t most_calls(std::size_t most_bytes) {
  return std::max<std::size_t>(2, most_bytes / trace::kRecordBytes) - 1;
}

std::vector<std::uint8_t> fitting(Trace trace, std::size_t most) {
  if (trace.calls.size() > most_calls(most)) trace.calls.resize(most_calls(most));
  std::vector<std::uint8_t> bytes = trace::encode(trace);
  if (bytes.size() > most) bytes.resize(most);
  return bytes;
}

// Calls that are allowed at `at`: drawn by an author who has seen all before.
std::vector<Call> drawn(const Trace& trace, std::size_t at, std::size_t count, props::Dice& dice) {
  props::Author author(trace.machine, props::any_taste(dice, trace.machine), dice);
  for (std::size_t i = 0; i < at; ++i) author.ask(trace.calls[i]);
  std::vector<Call> calls;
  for (std::size_t i = 0; i < count && !author.is_over(); ++i) {
    if (const auto call = author.next()) calls.push_back(*call);
  }
  return calls;
}

class Mutation {
 public:
  Mutation(Trace& trace, std::size_t most, props::Dice& dice, ChangeBytes change_bytes)
      : trace_(trace), most_(most), dice_(dice), change_bytes_(change_bytes) {}

  void run() {
    if (trace_.calls.empty()) return insert();
    switch (dice_.below(16)) {
      case 0:
      case 1: return remove();
      case 2: return std::iter_swap(some(), some());
      case 3: return change();
      case 4: return repeat();
      case 5: return redraw();
      case 6: return change_lane();
      case 7: return change_machine();
      default: return insert();
    }
  }

 private:
  std::size_t index() const { return dice_.below(trace_.calls.size()); }
  std::vector<Call>::iterator some() const { return at(index()); }
  std::vector<Call>::iterator at(std::size_t index) const {
    return trace_.calls.begin() + static_cast<std::ptrdiff_t>(index);
  }

  void insert() {
    if (trace_.calls.size() >= most_) return remove();
    // Nearly always at the end, where what was found lies.
    const std::size_t where =
        dice_.one_in(4) ? dice_.below(trace_.calls.size() + 1) : trace_.calls.size();
    const std::size_t room = most_ - trace_.calls.size();
    const auto more = drawn(trace_, where, 1 + dice_.below(std::min<std::size_t>(room, 4)), dice_);
    trace_.calls.insert(at(where), more.begin(), more.end());
  }

  void remove() {
    if (trace_.calls.empty()) return;
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
    if (trace_.calls.size() >= most_) return remove();
    const Call call = *some();
    trace_.calls.insert(some(), call);
  }

  void redraw() {
    const std::size_t where = index();
    const auto other = drawn(trace_, where, 1, dice_);
    if (!other.empty()) trace_.calls[where] = other.front();
  }

  void change_lane() {
    some()->lane.index = static_cast<std::uint8_t>(dice_.below(trace_.machine.cpus.count));
  }

  void change_machine() { trace_.machine = props::any_machine(dice_); }

  Trace& trace_;
  std::size_t most_;
  props::Dice& dice_;
  ChangeBytes change_bytes_;
};

}  // namespace

std::vector<std::uint8_t> mutated(const std::uint8_t* data, std::size_t size, std::size_t most,
                                  std::uint64_t seed, ChangeBytes change_bytes) {
  props::Dice dice(seed);
  Trace trace = trace::decode({data, size});
  trace.at_once = false;  // The harness runs calls alone.
  trace.prologue = 0;
  if (size == 0) trace.machine = props::any_machine(dice);
  Mutation(trace, most_calls(most), dice, change_bytes).run();
  return fitting(std::move(trace), most);
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
  return fitting(std::move(trace), most);
}

}  // namespace fuzz
