// SPDX-License-Identifier: MPL-2.0
// What is promised of readers and writers (B.9), byte by byte.
#include "reference/conditions.h"

namespace reference {

using trace::Status;

namespace {

// The bytes of a frame or of a segment, of which a reader or a writer has some left: those from
// `at` on, `left` in number. A skip beyond the end leaves it nowhere.
struct Place {
  Run run{};
  std::uint64_t at = 0;
  std::uint64_t left = 0;
  bool is_beyond = false;

  std::uint64_t size() const { return run.count * kPageBytes; }
  std::uint8_t byte(const State& state, std::uint64_t i) const {
    return byte_of(state, run.first + i / kPageBytes, i % kPageBytes);
  }
};

Run run_of(const Handle& frame) { return {frame.page, 1, frame.knows, frame.kind}; }
Run run_of(const Run& segment) { return segment; }

// Null if there are no untyped pages.
std::optional<Place> place_of(const Step& step, auto held_in, trace::Extent skip,
                              std::optional<trace::Extent> limit = {}) {
  const auto* const held = held_before(step, held_in);
  if (held == nullptr || held->knows != Knows::untyped) return std::nullopt;
  Place place{.run = run_of(*held), .at = skip.value()};
  place.is_beyond = skip.value() > place.size();
  if (place.is_beyond) return place;
  place.left = place.size() - skip.value();
  if (limit && limit->value() < place.left) place.left = limit->value();
  return place;
}

bool panics(const Step& step, trace::Code why) { return refuses(step, Status::panicked, why); }

// `count` bytes from the place on are as `wanted` says of each; no other byte has changed, nor
// anything else.
bool writes_only(const Step& step, const Place& into, std::uint64_t count, auto&& wanted,
                 bool known = true) {
  // A page is known afterwards if it was, or all of it was written; by what is known itself.
  for (const Page page : pages_of(into.run)) {
    const std::uint64_t begin = (page - into.run.first) * kPageBytes;
    const bool is_all = into.at <= begin && into.at + count >= begin + kPageBytes;
    const bool is_any = count > 0 && into.at < begin + kPageBytes && into.at + count > begin;
    const bool was_murky = step.before.murky.contains(page);
    const bool is_murky = is_any ? !known || (was_murky && !is_all) : was_murky;
    if (step.after.murky.contains(page) != is_murky) return false;
  }
  for (std::uint64_t i = 0; i < into.size(); ++i) {
    if (step.after.murky.contains(into.run.first + i / kPageBytes)) continue;
    const bool is_written = i >= into.at && i - into.at < count;
    const std::uint8_t byte = is_written ? wanted(i - into.at) : into.byte(step.before, i);
    if (into.byte(step.after, i) != byte) return false;
  }
  return changes_only(step, [&](State& state, Held&) {
    for (const Page page : pages_of(into.run)) {
      if (step.after.murky.contains(page)) {
        state.murky.insert(page);
        state.written.erase(page);
        continue;
      }
      state.murky.erase(page);
      std::vector<std::uint8_t>& bytes = state.written[page];
      bytes.clear();
      for (std::size_t i = 0; i < kPageBytes; ++i) bytes.push_back(byte_of(step.after, page, i));
    }
  });
}

// Whether it is known what the next bytes are.
bool are_known(const Step& step, const Place& from, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (step.before.murky.contains(from.run.first + (from.at + i) / kPageBytes)) return false;
  }
  return true;
}

// A little-endian word of up to eight bytes from the i-th on.
std::uint64_t word_at(const State& state, const Place& from, std::uint64_t i, std::uint64_t bytes) {
  std::uint64_t word = 0;
  for (std::uint64_t k = 0; k < bytes; ++k) {
    word |= std::uint64_t{from.byte(state, i + k)} << (8 * k);
  }
  return word;
}

std::uint64_t bytes_of(trace::Order size) {
  return std::array<std::uint64_t, 4>{1, 2, 4, 8}[size.value % 4];
}

bool writes_counting(const Step& step, const std::optional<Place>& into, trace::Extent length,
                     trace::Count value) {
  if (!into) return false;
  if (into->is_beyond) return panics(step, trace::Code::beyond_end);
  const std::uint64_t copied = std::min(length.value(), into->left);
  return answers(step, {copied, into->left - copied}) &&
         writes_only(step, *into, copied,
                     [&](std::uint64_t i) { return static_cast<std::uint8_t>(value.value() + i); });
}

bool reads_summing(const Step& step, const std::optional<Place>& from, trace::Extent length) {
  if (!from) return false;
  if (from->is_beyond) return panics(step, trace::Code::beyond_end);
  const std::uint64_t copied = std::min(length.value(), from->left);
  const std::uint64_t word = std::min<std::uint64_t>(copied, 8);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < copied; ++i) sum += from->byte(step.before, from->at + i);
  if (!are_known(step, *from, copied)) {
    return changes_nothing(step) &&
           answers(step, {copied, from->left - copied, kNotKnown, kNotKnown, kNotKnown});
  }
  return changes_nothing(step) &&
         answers(step,
                 {copied, from->left - copied, sum, word_at(step.before, *from, from->at, word),
                  word_at(step.before, *from, from->at + copied - word, word)});
}

bool copies(const Step& step, const trace::BytesCopy& op) {
  const auto from = place_of(step, op.from, op.skip, op.length);
  const auto into = place_of(step, op.into, op.skip_into);
  if (!from || !into) return false;
  if (from->is_beyond || into->is_beyond) return panics(step, trace::Code::beyond_end);
  const std::uint64_t copied = std::min(from->left, into->left);
  return answers(step, {copied, from->left - copied, into->left - copied}) &&
         writes_only(
             step, *into, copied,
             [&](std::uint64_t i) { return from->byte(step.before, from->at + i); },
             are_known(step, *from, copied));
}

// Whether a value of so many bytes is rightly refused; none if it is not to be.
std::optional<bool> refuses_value(const Step& step, const Place& place, std::uint64_t bytes,
                                  bool at_once) {
  if (place.is_beyond) return panics(step, trace::Code::beyond_end);
  if (place.left < bytes) return refuses(step, Status::invalid_args);
  if (at_once && place.at % bytes != 0) return panics(step, trace::Code::misaligned);
  return std::nullopt;
}

bool reads_value(const Step& step, const auto& op, bool at_once) {
  const auto from = place_of(step, op.from, op.skip, op.limit);
  if (!from) return false;
  const std::uint64_t bytes = bytes_of(op.size);
  if (const auto refused = refuses_value(step, *from, bytes, at_once)) return *refused;
  const bool known = are_known(step, *from, bytes);
  const std::uint64_t word = known ? word_at(step.before, *from, from->at, bytes) : kNotKnown;
  return changes_nothing(step) && answers(step, {word, from->left - bytes});
}

bool writes_value(const Step& step, const auto& op, bool at_once) {
  const auto into = place_of(step, op.into, op.skip, op.limit);
  if (!into) return false;
  const std::uint64_t bytes = bytes_of(op.size);
  if (const auto refused = refuses_value(step, *into, bytes, at_once)) return *refused;
  return answers(step, {into->left - bytes}) &&
         writes_only(step, *into, bytes, [&](std::uint64_t i) {
           return static_cast<std::uint8_t>(op.value.value() >> (8 * i));
         });
}

bool fills(const Step& step, const trace::BytesFill& op) {
  const auto into = place_of(step, op.into, op.skip, op.limit);
  if (!into) return false;
  if (into->is_beyond) return panics(step, trace::Code::beyond_end);
  const std::uint64_t bytes = bytes_of(op.size);
  if (into->at % bytes != 0 || into->left % bytes != 0) {
    return panics(step, trace::Code::misaligned);
  }
  return answers(step, {into->left / bytes, 0}) &&
         writes_only(step, *into, into->left, [&](std::uint64_t i) {
           return static_cast<std::uint8_t>(op.value.value() >> (8 * (i % bytes)));
         });
}

bool fills_zeros(const Step& step, const trace::BytesFillZeros& op) {
  const auto into = place_of(step, op.into, op.skip, op.limit);
  if (!into) return false;
  if (into->is_beyond) return panics(step, trace::Code::beyond_end);
  const std::uint64_t filled = std::min(op.length.value(), into->left);
  return answers(step, {filled, into->left - filled}) &&
         writes_only(step, *into, filled, [](std::uint64_t) { return std::uint8_t{0}; });
}

}  // namespace

bool moves_just_the_bytes(const Step& step) {
  if (const auto* op = as<trace::BytesWrite>(step)) {
    return writes_counting(step, place_of(step, op->into, op->skip), op->length, op->value);
  }
  if (const auto* op = as<trace::BytesSegmentWrite>(step)) {
    return writes_counting(step, place_of(step, op->into, op->skip), op->length, op->value);
  }
  if (const auto* op = as<trace::BytesRead>(step)) {
    return reads_summing(step, place_of(step, op->from, op->skip), op->length);
  }
  if (const auto* op = as<trace::BytesSegmentRead>(step)) {
    return reads_summing(step, place_of(step, op->from, op->skip), op->length);
  }
  if (const auto* op = as<trace::BytesCopy>(step)) return copies(step, *op);
  if (const auto* op = as<trace::BytesReadVal>(step)) return reads_value(step, *op, false);
  if (const auto* op = as<trace::BytesReadOnce>(step)) return reads_value(step, *op, true);
  if (const auto* op = as<trace::BytesWriteVal>(step)) return writes_value(step, *op, false);
  if (const auto* op = as<trace::BytesWriteOnce>(step)) return writes_value(step, *op, true);
  if (const auto* op = as<trace::BytesFill>(step)) return fills(step, *op);
  if (const auto* op = as<trace::BytesFillZeros>(step)) return fills_zeros(step, *op);
  return moves_users_words(step);
}

}  // namespace reference
