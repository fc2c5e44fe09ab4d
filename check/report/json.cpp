// SPDX-License-Identifier: MPL-2.0
#include "trace/json.h"

#include <limits>

#include "check/compare.h"
#include "check/report/write.h"

namespace check {
namespace {

using trace::Json;
using trace::Reader;

constexpr std::size_t kMostText = 4000;  // Bytes of a name or a sentence.
constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();

Json facts_json(const Facts& facts) {
  Json list = Json::array();
  for (const trace::Fact& fact : facts) list.push_back(json_of(fact));
  return list;
}

Facts read_facts(const Reader& from) {
  Facts facts(from.size(trace::kMostElements));
  for (std::size_t i = 0; i < facts.size() && !from.is_refused(); ++i) {
    read(from.element(i), facts[i]);
  }
  return facts;
}

Json step_json(const Step& step) {
  return {{"call", json_of(step.call)},
          {"expected", is_expectation_open(step) ? Json() : json_of(step.call.op, step.expected)},
          {"seen", json_of(step.call.op, step.seen)}};
}

void read_step(const Reader& from, Step& step) {
  from.only({"call", "expected", "seen"});
  read(from.member("call"), step.call);
  if (from.member("expected").is_null()) {
    step.expected.reply.status = trace::Status::declined;
  } else {
    read(from.member("expected"), step.call.op, step.expected);
  }
  read(from.member("seen"), step.call.op, step.seen);
}

void read_diverged(const Reader& from, Report& report) {
  from.only({"step", "oracle", "law", "sentence", "missing", "unexpected", "said"});
  Divergence& diverged = report.diverged;
  diverged.step = from.member("step").number(0, trace::kMostElements);
  diverged.oracle = static_cast<Oracle>(from.member("oracle").one_of("an oracle", kOracleNames));
  diverged.law = from.member("law").text(kMostText);
  report.sentence = from.member("sentence").text(kMostText);
  diverged.missing = read_facts(from.member("missing"));
  diverged.unexpected = read_facts(from.member("unexpected"));
  if (from.has("said")) diverged.said = from.member("said").text(kMostText);
}

void read(const Reader& from, Report& report) {
  trace::read_format(from);
  if (from.is_refused()) return;
  from.only(
      {"format", "what", "system", "found_by", "trace", "shrunk", "diverged", "steps", "replay"});
  report.system = from.member("system").text(kMostText);
  const Reader found_by = from.member("found_by");
  found_by.only({"property", "seed"});
  report.property = found_by.member("property").text(kMostText);
  report.seed = found_by.member("seed").number(0, kAny);
  read(from.member("trace"), report.trace);
  const Reader shrunk = from.member("shrunk");
  shrunk.only({"from_ops", "to_ops", "tries"});
  report.shrunk.from_ops = shrunk.member("from_ops").number(0, kAny);
  report.shrunk.to_ops = shrunk.member("to_ops").number(0, kAny);
  report.shrunk.tries = shrunk.member("tries").number(0, kAny);
  read_diverged(from.member("diverged"), report);
  const Reader steps = from.member("steps");
  report.steps.resize(steps.size(trace::kMostElements));
  for (std::size_t i = 0; i < report.steps.size() && !from.is_refused(); ++i) {
    read_step(steps.element(i), report.steps[i]);
  }
}

}  // namespace

std::string json_report(const Report& report, const std::string& json_file) {
  Json steps = Json::array();
  for (const Step& step : report.steps) steps.push_back(step_json(step));
  const std::string text = text_report(report, json_file);
  const Divergence& diverged = report.diverged;
  Json found = {{"step", diverged.step},
                {"oracle", kOracleNames[static_cast<std::size_t>(diverged.oracle)]},
                {"law", diverged.law},
                {"sentence", report.sentence},
                {"missing", facts_json(diverged.missing)},
                {"unexpected", facts_json(diverged.unexpected)}};
  if (!diverged.said.empty()) found["said"] = diverged.said;
  return trace::pretty({{"format", trace::kFormat},
                        {"what", text.substr(0, text.find('\n'))},
                        {"system", report.system},
                        {"found_by", {{"property", report.property}, {"seed", report.seed}}},
                        {"trace", json_of(report.trace)},
                        {"shrunk",
                         {{"from_ops", report.shrunk.from_ops},
                          {"to_ops", report.shrunk.to_ops},
                          {"tries", report.shrunk.tries}}},
                        {"diverged", std::move(found)},
                        {"steps", std::move(steps)},
                        {"replay", replay_command(json_file, report.system)}});
}

trace::Read<Report> read_report(std::string_view text) noexcept {
  try {
    const trace::Read<Json> json = trace::parse_json(text);
    if (!json) return {.why = json.why};
    std::string why;
    Report report;
    read(Reader(*json.value, why), report);
    if (!why.empty()) return {.why = std::move(why)};
    return {.value = std::move(report)};
  } catch (...) {
    return {.why = "not enough memory to read it"};
  }
}

}  // namespace check
