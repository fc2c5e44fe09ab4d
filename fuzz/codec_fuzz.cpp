// SPDX-License-Identifier: MPL-2.0
// libFuzzer: any bytes are a trace, which is the same trace after it was bytes or JSON again, and
// whose text tells all its operations apart.
#include "fuzz/must.h"
#include "trace/json.h"
#include "trace/text.h"

namespace {

using fuzz::must;
using trace::Trace;

void goes_through_bytes(const Trace& trace, std::size_t size) {
  const std::vector<std::uint8_t> bytes = trace::encode(trace);
  const std::size_t records = (size + trace::kRecordBytes - 1) / trace::kRecordBytes;
  must(bytes.size() == std::max<std::size_t>(records, 1) * trace::kRecordBytes,
       "a trace is as many records as it was read from");
  const Trace again = trace::decode(bytes);
  must(again == trace, "bytes give back the trace they were made of");
  must(trace::encode(again) == bytes, "what was written is written so again");
}

// Bytes hold no schedule, JSON does: the records, read as turns and failures.
void add_schedule(Trace& trace, std::span<const std::uint8_t> bytes) {
  auto number = [](std::span<const std::uint8_t> part) {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : part) value = value << 8 | byte;
    return value;
  };
  for (; bytes.size() >= trace::kRecordBytes; bytes = bytes.subspan(trace::kRecordBytes)) {
    trace.schedule.push_back(
        {.what = bytes[0] % 4 == 0 ? trace::Choice::What::failure : trace::Choice::What::turn,
         .where = {.lane = static_cast<std::uint8_t>(bytes[1] % trace::Cpu::kMost),
                   .op = number(bytes.subspan(2, 4)),
                   .point = number(bytes.subspan(6, 4))}});
  }
}

void goes_through_json(const Trace& trace) {
  const trace::TraceFile file{.trace = trace};
  const std::string text = write_trace(file);
  const auto again = trace::read_trace(text);
  must(again.value.has_value(), "JSON that was written can be read: " + again.why, text);
  must(*again.value == file, "JSON gives back the trace it was made of", text);
  must(write_trace(*again.value) == text, "what was written is written so again", text);
}

void tells_calls_apart(const Trace& trace) {
  std::ostringstream all;
  all << trace;
  const std::string text = all.str();
  const std::size_t lines = 1 + trace.calls.size() + trace.schedule.size() +
                            (trace.at_once && trace.prologue < trace.calls.size() ? 1 : 0);
  must(static_cast<std::size_t>(std::ranges::count(text, '\n')) == lines,
       "text has a line for the machine, and for each call and each turn", text);
  for (std::size_t i = 1; i < trace.calls.size(); ++i) {
    const trace::Call &one = trace.calls[i - 1], &other = trace.calls[i];
    must((one == other) == (trace::text_of(one) == trace::text_of(other)),
         "calls that differ are shown differently", text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Trace trace = trace::decode({data, size});
  goes_through_bytes(trace, size);
  add_schedule(trace, {data, size});
  goes_through_json(trace);
  tells_calls_apart(trace);
  return 0;
}
