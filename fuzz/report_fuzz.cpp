// SPDX-License-Identifier: MPL-2.0
// libFuzzer: any text is a trace, or a report, or refused with one sentence; and what is accepted
// is the same after it was written and read again.
#include <algorithm>

#include "check/report/write.h"
#include "fuzz/must.h"
#include "trace/json.h"

namespace check {

// What reports are made of, compared here only.
static bool operator==(const Step& left, const Step& right) {
  return left.call == right.call && left.expected == right.expected && left.seen == right.seen;
}
static bool operator==(const Divergence& left, const Divergence& right) {
  return left.oracle == right.oracle && left.step == right.step && left.law == right.law &&
         left.missing == right.missing && left.unexpected == right.unexpected;
}
static bool operator==(const Report& left, const Report& right) {
  return left.system == right.system && left.property == right.property &&
         left.seed == right.seed && left.trace == right.trace &&
         left.shrunk.from_ops == right.shrunk.from_ops &&
         left.shrunk.to_ops == right.shrunk.to_ops && left.shrunk.tries == right.shrunk.tries &&
         left.diverged == right.diverged && left.sentence == right.sentence &&
         left.steps == right.steps;
}

}  // namespace check

namespace {

using fuzz::must;

// A refusal is shown on a terminal: one line, nothing that moves the cursor, and not a page.
void is_a_sentence(const std::string& why) {
  must(!why.empty(), "a refusal says why");
  must(why.size() <= 1000, "a refusal is not long", why);
  must(std::ranges::none_of(
           why, [](char byte) { return static_cast<unsigned char>(byte) < ' ' || byte == 0x7f; }),
       "a refusal is one line", why);
}

void try_trace(std::string_view text) {
  const auto file = trace::read_trace(text);
  if (!file) return is_a_sentence(file.why);
  if (file.value->is_report) return;
  const std::string written = write_trace(*file.value);
  const auto again = trace::read_trace(written);
  must(again.value.has_value(), "a trace that was accepted is so again: " + again.why, written);
  must(*again.value == *file.value, "a trace is the same when written and read", written);
  must(write_trace(*again.value) == written, "a trace is written the same again", written);
}

std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(std::ranges::count_if(
      line, [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }));
}

// The last line, the command, alone may be longer.
void fits_a_page(std::string_view page) {
  must(static_cast<std::size_t>(std::ranges::count(page, '\n')) <= check::kReportLines,
       "a report has at most 40 lines", page);
  for (std::size_t end; (end = page.find('\n')) != page.npos && end + 1 < page.size();
       page.remove_prefix(end + 1)) {
    must(columns(page.substr(0, end)) <= check::kReportColumns, "a line has at most 100 columns",
         page);
  }
}

void try_report(std::string_view text) {
  const auto report = check::read_report(text);
  if (!report) return is_a_sentence(report.why);
  const std::string written = json_report(*report.value, "report.json");
  const auto again = check::read_report(written);
  must(again.value.has_value(), "a report that was accepted is so again: " + again.why, written);
  must(*again.value == *report.value, "a report is the same when written and read", written);
  must(json_report(*again.value, "report.json") == written, "a report is written the same again",
       written);
  const auto file = trace::read_trace(written);
  must(file.value && file.value->is_report && file.value->trace == report.value->trace,
       "a report can be read as the trace in it", written);
  fits_a_page(text_report(*report.value, "report.json"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // SAFETY: bytes may be looked at as characters.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_trace(text);
  try_report(text);
  return 0;
}
