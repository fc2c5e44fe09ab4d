// SPDX-License-Identifier: MPL-2.0
#include "trace/trace.h"

#include <algorithm>

namespace trace {

Trace decode(std::span<const std::uint8_t> bytes) {
  auto next_record = [&] {
    Record record{};
    const std::size_t taken = std::min(bytes.size(), kRecordBytes);
    std::copy_n(bytes.begin(), taken, record.begin());
    bytes = bytes.subspan(taken);
    return record;
  };
  Trace trace;
  const Record head = next_record();
  detail::read_fields(trace.machine, head.data() + 2);
  trace.machine.settle();
  trace.at_once = (head[2 + bytes_of<Machine>()] & 1) != 0;
  while (!bytes.empty()) trace.calls.push_back(decode_call(next_record()));
  if (trace.at_once) {
    const std::size_t wanted = head[0] + (std::size_t{head[1]} << 8);
    trace.prologue = static_cast<std::uint32_t>(wanted % (trace.calls.size() + 1));
  }
  return trace;
}

std::vector<std::uint8_t> encode(const Trace& trace) {
  Record head{static_cast<std::uint8_t>(trace.prologue),
              static_cast<std::uint8_t>(trace.prologue >> 8)};
  detail::write_fields(trace.machine, head.data() + 2);
  head[2 + bytes_of<Machine>()] = trace.at_once ? 1 : 0;
  std::vector<std::uint8_t> bytes(head.begin(), head.end());
  for (const Call& call : trace.calls) {
    const Record record = encode_call(call);
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  return bytes;
}

}  // namespace trace
