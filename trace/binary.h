// SPDX-License-Identifier: MPL-2.0
// Operations as bytes: the fuzzers' input and the guest's wire format.
//
// Decoding is total: every byte string is some trace. A record is 16 bytes: kind, lane, and 14 of
// operands, one after another; so a changed byte changes one field of one operation. The bodies,
// one for each operation, are in binary.cpp: freestanding, as all that is here.
#pragma once

#include <span>

#include "trace/machine.h"
#include "trace/op.h"

namespace trace {

inline constexpr std::size_t kRecordBytes = 2 + kOperandBytes;
using Record = std::array<std::uint8_t, kRecordBytes>;

// One operation, and the CPU on which it is asked.
struct Call {
  Cpu lane{};
  Op op{};
  bool operator==(const Call&) const = default;
};

namespace detail {

// Calls `byte(where)` for each byte of a noun, in little-endian order, and stores what it returns.
constexpr void visit_bytes(auto& noun, auto&& byte) {
  noun.parts([&]<class Part>(Part& part) {
    std::uint64_t before = static_cast<std::uint64_t>(part), after = 0;
    for (std::size_t i = 0; i < sizeof(Part); ++i, before >>= 8) {
      after |= std::uint64_t{byte(static_cast<std::uint8_t>(before))} << (8 * i);
    }
    part = static_cast<Part>(after);
  });
}

template <class T>
constexpr void read_fields(T& into, const std::uint8_t* at) {
  T::fields([&](const char*, auto member) {
    visit_bytes(into.*member, [&](std::uint8_t) { return *at++; });
    (into.*member).settle();
  });
}

template <class T>
constexpr void write_fields(T from, std::uint8_t* at) {
  T::fields([&](const char*, auto member) {
    visit_bytes(from.*member, [&](std::uint8_t byte) { return *at++ = byte; });
  });
}

}  // namespace detail

// The operation of this place in the list, with its first operands.
Op blank_op(std::size_t index);

Call decode_call(const Record& record);
Record encode_call(const Call& call);

}  // namespace trace
