// SPDX-License-Identifier: MPL-2.0
// How mm is asked about the bytes of untyped frames and segments.
#pragma once

#include "check/bind/registers.h"

namespace check {

inline constexpr mm::usize kMostBytes = 2 * mm::kPageSize;  // Of what one operation brings along.
using Buffer = std::array<mm::u8, kMostBytes>;

// A little-endian number of up to eight bytes.
inline mm::u64 number_of(std::span<const mm::u8> bytes) {
  mm::u64 number = 0;
  __builtin_memcpy(&number, bytes.data(), bytes.size());
  return number;
}

// Calls `use(T{})`, T being the unsigned number that an order says the size of.
decltype(auto) with_size(trace::Order size, auto&& use) {
  switch (size.value % 4) {
    case 0: return use(mm::u8{});
    case 1: return use(mm::u16{});
    case 2: return use(mm::u32{});
    default: return use(mm::u64{});
  }
}

// A writer of what is held there, whose pages are noted as written.
template <class P>
mm::VmWriter<P> writer_of(Registers<P>& held, trace::Frame at) {
  const auto& frame = held.frames.template get<mm::Untyped>(at);
  const mm::PhysAddr start = frame.start_paddr();
  held.touch_bytes(start, {start.value + mm::kPageSize});
  return frame.writer();
}
template <class P>
mm::VmWriter<P> writer_of(Registers<P>& held, trace::Segment at) {
  const auto& segment = held.segments.template get<mm::Untyped>(at);
  held.touch_bytes(segment.start_paddr(), segment.end_paddr());
  return segment.writer();
}
template <class P>
mm::VmReader<P> reader_of(Registers<P>& held, auto at) {
  return held.file(at).template get<mm::Untyped>(at).reader();
}

template <class P>
trace::Reply write_bytes(mm::VmWriter<P> writer, const auto& op) {
  writer.skip(op.skip.value());
  Buffer buffer;
  mm::u64 value = op.value.value();
  for (mm::u8& byte : buffer) byte = static_cast<mm::u8>(value++);
  mm::VmReader<P> reader(std::span(buffer).first(op.length.value()));
  const mm::usize copied = writer.write(reader);
  return {.results = {copied, writer.avail()}};
}

template <class P>
trace::Reply read_bytes(mm::VmReader<P> reader, const auto& op) {
  reader.skip(op.skip.value());
  Buffer buffer;
  mm::VmWriter<P> writer(std::span(buffer).first(op.length.value()));
  const std::span<const mm::u8> read = std::span(buffer).first(reader.read(writer));
  mm::u64 sum = 0;
  for (const mm::u8 byte : read) sum += byte;
  const mm::usize word = std::min<mm::usize>(read.size(), 8);
  return {.results = {read.size(), reader.remain(), sum, number_of(read.first(word)),
                      number_of(read.last(word))}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesWrite& op) {
  return held.known(op.into) == kUntyped && op.length.value() <= kMostBytes;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesWrite& op) {
  return write_bytes(writer_of(held, op.into), op);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesRead& op) {
  return held.known(op.from) == kUntyped && op.length.value() <= kMostBytes;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesRead& op) {
  return read_bytes(reader_of(held, op.from), op);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesCopy& op) {
  return held.known(op.from) == kUntyped && held.known(op.into) == kUntyped;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesCopy& op) {
  auto reader = reader_of(held, op.from);
  auto writer = writer_of(held, op.into);
  reader.skip(op.skip.value());
  writer.skip(op.skip_into.value());
  const mm::usize copied = reader.limit(op.length.value()).read(writer);
  return {.results = {copied, reader.remain(), writer.avail()}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesReadVal& op) {
  return held.known(op.from) == kUntyped;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesReadVal& op) {
  return with_size(op.size, [&]<class T>(T) -> trace::Reply {
    auto reader = reader_of(held, op.from);
    auto value = reader.skip(op.skip.value()).limit(op.limit.value()).template read_val<T>();
    if (!value.ok()) return {.status = trace::Status::invalid_args};
    return {.results = {value.take(), reader.remain()}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesWriteVal& op) {
  return held.known(op.into) == kUntyped;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesWriteVal& op) {
  return with_size(op.size, [&]<class T>(T) -> trace::Reply {
    auto writer = writer_of(held, op.into);
    writer.skip(op.skip.value()).limit(op.limit.value());
    if (!writer.write_val(static_cast<T>(op.value.value())).ok()) {
      return {.status = trace::Status::invalid_args};
    }
    return {.results = {writer.avail()}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesReadOnce& op) {
  return held.known(op.from) == kUntyped;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesReadOnce& op) {
  return with_size(op.size, [&]<class T>(T) -> trace::Reply {
    auto reader = reader_of(held, op.from);
    auto value = reader.skip(op.skip.value()).limit(op.limit.value()).template read_once<T>();
    if (!value.ok()) return {.status = trace::Status::invalid_args};
    return {.results = {value.take(), reader.remain()}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesWriteOnce& op) {
  return held.known(op.into) == kUntyped;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesWriteOnce& op) {
  return with_size(op.size, [&]<class T>(T) -> trace::Reply {
    auto writer = writer_of(held, op.into);
    writer.skip(op.skip.value()).limit(op.limit.value());
    if (!writer.write_once(static_cast<T>(op.value.value())).ok()) {
      return {.status = trace::Status::invalid_args};
    }
    return {.results = {writer.avail()}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesFill& op) {
  return held.known(op.into) == kUntyped;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesFill& op) {
  return with_size(op.size, [&]<class T>(T) -> trace::Reply {
    auto writer = writer_of(held, op.into);
    writer.skip(op.skip.value()).limit(op.limit.value());
    const mm::usize filled = writer.fill(static_cast<T>(op.value.value()));
    return {.results = {filled, writer.avail()}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesFillZeros& op) {
  return held.known(op.into) == kUntyped;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesFillZeros& op) {
  auto writer = writer_of(held, op.into);
  writer.skip(op.skip.value()).limit(op.limit.value());
  const mm::usize filled = writer.fill_zeros(op.length.value());
  return {.results = {filled, writer.avail()}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesSegmentWrite& op) {
  return held.known(op.into) == kUntyped && op.length.value() <= kMostBytes;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesSegmentWrite& op) {
  return write_bytes(writer_of(held, op.into), op);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::BytesSegmentRead& op) {
  return held.known(op.from) == kUntyped && op.length.value() <= kMostBytes;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::BytesSegmentRead& op) {
  return read_bytes(reader_of(held, op.from), op);
}

}  // namespace check
