// SPDX-License-Identifier: MPL-2.0
// Readers and writers of the bytes of untyped frames and segments.
#include <algorithm>

#include "reference/model.h"

namespace reference {

using trace::Status;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t kMostLength = 2 * kPageBytes;  // That a test asks for at once.

// The part of a run of pages that a reader or a writer has left.
struct Window {
  Page first = 0;        // Of the run,
  std::uint64_t at = 0;  // and how many bytes from its start.
  std::uint64_t left = 0;

  void limit(std::uint64_t most) { left = std::min(left, most); }
  void advance(std::uint64_t bytes) { at += bytes, left -= bytes; }

  // Goes over the next bytes, page by page: calls `each(page, from, count)`.
  void go_over(std::uint64_t bytes, auto&& each) {
    while (bytes > 0) {
      const std::uint64_t count = std::min(bytes, kPageBytes - at % kPageBytes);
      each(first + at / kPageBytes, at % kPageBytes, count);
      advance(count);
      bytes -= count;
    }
  }
};

// All of a frame, or of a segment, less what is skipped; none if that is more than there is.
std::optional<Window> window(Page first, std::uint64_t pages, trace::Extent skip) {
  Window window{first, 0, pages * kPageBytes};
  if (skip.value() > window.left) return std::nullopt;
  window.advance(skip.value());
  return window;
}
std::optional<Window> window(const std::optional<Handle>& frame, trace::Extent skip) {
  return window(frame->page, 1, skip);
}
std::optional<Window> window(const std::optional<Handle>& frame, trace::Extent skip,
                             trace::Extent limit) {
  std::optional<Window> limited = window(frame, skip);
  if (limited) limited->limit(limit.value());
  return limited;
}
std::optional<Window> window(const std::optional<Run>& segment, trace::Extent skip) {
  return window(segment->first, segment->count, skip);
}

// Reads `count` bytes, or as many as there are.
Bytes read(const State& state, Window& from, std::uint64_t count) {
  Bytes bytes;
  from.go_over(std::min(count, from.left), [&](Page page, std::uint64_t at, std::uint64_t most) {
    for (std::uint64_t i = 0; i < most; ++i) bytes.push_back(byte_of(state, page, at + i));
  });
  return bytes;
}

// Whether it is known what the next `count` bytes are, or as many as there are.
bool are_known(const State& state, Window from, std::uint64_t count) {
  bool are = true;
  from.go_over(std::min(count, from.left), [&](Page page, std::uint64_t, std::uint64_t) {
    are &= !state.murky.contains(page);
  });
  return are;
}

// Writes bytes, or as many as there is room for, and says how many. What is written to a part of a
// page whose bytes are not known does not make that page known.
std::uint64_t write(State& state, Window& into, const Bytes& bytes, bool known = true) {
  const std::uint64_t count = std::min(bytes.size(), into.left);
  auto next = bytes.begin();
  into.go_over(count, [&](Page page, std::uint64_t at, std::uint64_t most) {
    if (known && most == kPageBytes) state.murky.erase(page);
    if (!known) state.murky.insert(page);
    if (state.murky.contains(page)) {
      state.written.erase(page);
      next += static_cast<std::ptrdiff_t>(most);
      return;
    }
    const Bytes at_first(kPageBytes, static_cast<std::uint8_t>(page));
    Bytes& all = state.written.try_emplace(page, at_first).first->second;
    for (std::uint64_t i = 0; i < most; ++i) all[at + i] = *next++;
  });
  return count;
}

Bytes counting_from(std::uint64_t value, std::uint64_t length) {
  Bytes bytes(length);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(value++);
  return bytes;
}

std::uint64_t size_of(trace::Order order) { return std::uint64_t{1} << order.value % 4; }

// The lowest `size` bytes of a value, as often as is said.
Bytes little_endian(std::uint64_t value, std::uint64_t size, std::uint64_t times = 1) {
  Bytes bytes(size * times);
  for (std::uint64_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(value >> 8 * (i % size));
  }
  return bytes;
}

// At most eight.
std::uint64_t value_of(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8 | bytes[i - 1];
  return value;
}

Answer write_counting(State& state, std::optional<Window> into, trace::Extent length,
                      trace::Count value) {
  if (!into) return panic(trace::Code::beyond_end);
  const std::uint64_t copied = write(state, *into, counting_from(value.value(), length.value()));
  return {{.results = {copied, into->left}}, {}};
}

Answer read_summing(const State& state, std::optional<Window> from, trace::Extent length) {
  if (!from) return panic(trace::Code::beyond_end);
  const bool known = are_known(state, *from, length.value());
  const Bytes bytes = read(state, *from, length.value());
  std::uint64_t sum = 0;
  for (const std::uint8_t byte : bytes) sum += byte;
  const std::span<const std::uint8_t> all = bytes;
  const std::size_t eight = std::min<std::size_t>(8, all.size());
  if (!known) return {{.results = {all.size(), from->left, kNotKnown, kNotKnown, kNotKnown}}, {}};
  return {{.results = {all.size(), from->left, sum, value_of(all.first(eight)),
                       value_of(all.last(eight))}},
          {}};
}

// Reads one value, at once if it must be aligned.
Answer read_value(const State& state, std::optional<Window> from, std::uint64_t size,
                  bool must_align) {
  if (!from) return panic(trace::Code::beyond_end);
  if (from->left < size) return {{Status::invalid_args}, {}};
  if (must_align && from->at % size != 0) return panic(trace::Code::misaligned);
  const bool known = are_known(state, *from, size);
  const std::uint64_t read_value = value_of(read(state, *from, size));
  const std::uint64_t value = known ? read_value : kNotKnown;
  return {{.results = {value, from->left}}, {}};
}

Answer write_value(State& state, std::optional<Window> into, std::uint64_t value,
                   std::uint64_t size, bool must_align) {
  if (!into) return panic(trace::Code::beyond_end);
  if (into->left < size) return {{Status::invalid_args}, {}};
  if (must_align && into->at % size != 0) return panic(trace::Code::misaligned);
  write(state, *into, little_endian(value, size));
  return {{.results = {into->left}}, {}};
}

// What a lane needs to read or write: a frame or a segment of untyped pages, and a buffer.
bool has_untyped(const State& state, Lane lane, auto place) {
  const auto& held = state.held[lane].at(place);
  return held && held->knows == Knows::untyped;
}
bool fits(trace::Extent length) { return length.value() <= kMostLength; }

}  // namespace

bool allows(const State& state, Lane lane, const trace::BytesWrite& op) {
  return has_untyped(state, lane, op.into) && fits(op.length);
}

Answer step(State& state, Lane lane, const trace::BytesWrite& op, const Answer&) {
  return write_counting(state, window(state.held[lane].at(op.into), op.skip), op.length, op.value);
}

bool allows(const State& state, Lane lane, const trace::BytesRead& op) {
  return has_untyped(state, lane, op.from) && fits(op.length);
}

Answer step(State& state, Lane lane, const trace::BytesRead& op, const Answer&) {
  return read_summing(state, window(state.held[lane].at(op.from), op.skip), op.length);
}

bool allows(const State& state, Lane lane, const trace::BytesCopy& op) {
  return has_untyped(state, lane, op.from) && has_untyped(state, lane, op.into);
}

Answer step(State& state, Lane lane, const trace::BytesCopy& op, const Answer&) {
  const Held& held = state.held[lane];
  auto from = window(held.at(op.from), op.skip, op.length);
  auto into = window(held.at(op.into), op.skip_into);
  if (!from || !into) return panic(trace::Code::beyond_end);
  const bool known = are_known(state, *from, into->left);
  const std::uint64_t copied = write(state, *into, read(state, *from, into->left), known);
  return {{.results = {copied, from->left, into->left}}, {}};
}

bool allows(const State& state, Lane lane, const trace::BytesReadVal& op) {
  return has_untyped(state, lane, op.from);
}

Answer step(State& state, Lane lane, const trace::BytesReadVal& op, const Answer&) {
  return read_value(state, window(state.held[lane].at(op.from), op.skip, op.limit),
                    size_of(op.size), false);
}

bool allows(const State& state, Lane lane, const trace::BytesWriteVal& op) {
  return has_untyped(state, lane, op.into);
}

Answer step(State& state, Lane lane, const trace::BytesWriteVal& op, const Answer&) {
  return write_value(state, window(state.held[lane].at(op.into), op.skip, op.limit),
                     op.value.value(), size_of(op.size), false);
}

bool allows(const State& state, Lane lane, const trace::BytesReadOnce& op) {
  return has_untyped(state, lane, op.from);
}

Answer step(State& state, Lane lane, const trace::BytesReadOnce& op, const Answer&) {
  return read_value(state, window(state.held[lane].at(op.from), op.skip, op.limit),
                    size_of(op.size), true);
}

bool allows(const State& state, Lane lane, const trace::BytesWriteOnce& op) {
  return has_untyped(state, lane, op.into);
}

Answer step(State& state, Lane lane, const trace::BytesWriteOnce& op, const Answer&) {
  return write_value(state, window(state.held[lane].at(op.into), op.skip, op.limit),
                     op.value.value(), size_of(op.size), true);
}

bool allows(const State& state, Lane lane, const trace::BytesFill& op) {
  return has_untyped(state, lane, op.into);
}

Answer step(State& state, Lane lane, const trace::BytesFill& op, const Answer&) {
  auto into = window(state.held[lane].at(op.into), op.skip, op.limit);
  if (!into) return panic(trace::Code::beyond_end);
  const std::uint64_t size = size_of(op.size);
  if (into->at % size != 0 || into->left % size != 0) return panic(trace::Code::misaligned);
  const std::uint64_t filled = into->left / size;
  write(state, *into, little_endian(op.value.value(), size, filled));
  return {{.results = {filled, into->left}}, {}};
}

bool allows(const State& state, Lane lane, const trace::BytesFillZeros& op) {
  return has_untyped(state, lane, op.into);
}

Answer step(State& state, Lane lane, const trace::BytesFillZeros& op, const Answer&) {
  auto into = window(state.held[lane].at(op.into), op.skip, op.limit);
  if (!into) return panic(trace::Code::beyond_end);
  const Bytes zeros(std::min(op.length.value(), into->left));
  const std::uint64_t filled = write(state, *into, zeros);
  return {{.results = {filled, into->left}}, {}};
}

bool allows(const State& state, Lane lane, const trace::BytesSegmentWrite& op) {
  return has_untyped(state, lane, op.into) && fits(op.length);
}

Answer step(State& state, Lane lane, const trace::BytesSegmentWrite& op, const Answer&) {
  return write_counting(state, window(state.held[lane].at(op.into), op.skip), op.length, op.value);
}

bool allows(const State& state, Lane lane, const trace::BytesSegmentRead& op) {
  return has_untyped(state, lane, op.from) && fits(op.length);
}

Answer step(State& state, Lane lane, const trace::BytesSegmentRead& op, const Answer&) {
  return read_summing(state, window(state.held[lane].at(op.from), op.skip), op.length);
}

}  // namespace reference
