// SPDX-License-Identifier: MPL-2.0
// The language as bytes: every byte string is a trace, and in a record every field depends on its
// own bytes and on no others.
#include "trace/binary.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <set>

#include "trace/text.h"

namespace {

// The numbers of the fields in which two operations of one type differ.
// Of two operations of one kind.
std::set<std::size_t> differing_fields(const trace::Op& a, const trace::Op& b) {
  return std::visit(
      [&]<class T>(const T& one) {
        std::set<std::size_t> fields;
        std::size_t number = 0;
        T::fields([&](const char*, auto member) {
          if (one.*member != std::get<T>(b).*member) fields.insert(number);
          ++number;
        });
        return fields;
      },
      a);
}

// By operand byte: the field that it must change.
std::vector<std::size_t> owners_of_bytes(const trace::Op& op) {
  std::vector<std::size_t> owners;
  std::visit(
      [&]<class T>(const T&) {
        std::size_t number = 0;
        T::fields([&]<class Field>(const char*, Field T::*) {
          owners.insert(owners.end(), Field::kBytes, number++);
        });
      },
      op);
  return owners;
}

TEST(BinaryCodec, EveryFieldDependsOnItsOwnBytes) {
  for (std::size_t kind = 0; kind < trace::kOpCount; ++kind) {
    const trace::Record record{
        static_cast<std::uint8_t>(kind), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    const trace::Op before = trace::decode_call(record).op;
    const std::vector<std::size_t> owners = owners_of_bytes(before);
    for (std::size_t at = 0; at < trace::kOperandBytes; ++at) {
      std::set<std::size_t> changed;
      for (unsigned value = 0; value < 256; ++value) {
        trace::Record other = record;
        other[2 + at] = static_cast<std::uint8_t>(value);
        changed.merge(differing_fields(before, trace::decode_call(other).op));
      }
      EXPECT_EQ(changed, at < owners.size() ? std::set{owners[at]} : std::set<std::size_t>{})
          << trace::name_of(before) << ", operand byte " << at;
    }
  }
}

TEST(BinaryCodec, EveryOperationHasItsNumber) {
  std::set<std::string> names;
  for (std::size_t index = 0; index < trace::kOpCount; ++index) {
    const trace::Call call = trace::decode_call({static_cast<std::uint8_t>(index)});
    EXPECT_EQ(call.op.index(), index);
    EXPECT_EQ(trace::encode_call(call)[0], index);
    names.insert(trace::name_of(call.op));
  }
  EXPECT_EQ(names.size(), trace::kOpCount);
}

void expect_in_range(const trace::Trace& trace) {
  RC_ASSERT(trace.machine.pages.raw >= 2 && trace.machine.pages.raw <= trace::Machine::kMostPages);
  RC_ASSERT(trace.machine.loose.raw >= 1 && trace.machine.loose.raw < trace.machine.pages.raw);
  RC_ASSERT(trace.machine.cpus.count >= 1 && trace.machine.cpus.count <= trace::Cpu::kMost);
  RC_ASSERT(trace.prologue <= trace.calls.size());
  RC_ASSERT(trace.at_once || trace.prologue == 0);
}

RC_GTEST_PROP(BinaryCodec, EveryByteStringIsATrace, (const std::vector<std::uint8_t>& bytes)) {
  const trace::Trace trace = trace::decode(bytes);
  expect_in_range(trace);
  const std::size_t records = (bytes.size() + trace::kRecordBytes - 1) / trace::kRecordBytes;
  RC_ASSERT(trace.calls.size() == std::max<std::size_t>(records, 1) - 1);
  for (const trace::Call& call : trace.calls) RC_ASSERT(!trace::text_of(call).empty());
}

RC_GTEST_PROP(BinaryCodec, TracesSurviveEncoding, ()) {
  const auto bytes = *rc::gen::scale(20.0, rc::gen::arbitrary<std::vector<std::uint8_t>>());
  const trace::Trace trace = trace::decode(bytes);
  RC_ASSERT(trace::decode(trace::encode(trace)) == trace);
  // And what is settled stays as it is.
  RC_ASSERT(trace::encode(trace::decode(trace::encode(trace))) == trace::encode(trace));
}

RC_GTEST_PROP(BinaryCodec, AByteOfOneRecordChangesNoOtherCall, ()) {
  auto bytes = *rc::gen::container<std::vector<std::uint8_t>>(6 * trace::kRecordBytes,
                                                              rc::gen::arbitrary<std::uint8_t>());
  const trace::Trace before = trace::decode(bytes);
  const auto at = *rc::gen::inRange(trace::kRecordBytes, bytes.size());
  bytes[at] = *rc::gen::arbitrary<std::uint8_t>();
  const trace::Trace after = trace::decode(bytes);
  for (std::size_t i = 0; i < before.calls.size(); ++i) {
    if (i != at / trace::kRecordBytes - 1) RC_ASSERT(after.calls[i] == before.calls[i]);
  }
}

}  // namespace
