// SPDX-License-Identifier: MPL-2.0
#include <algorithm>
#include <iostream>
#include <memory>

#include "check/cli/input.h"
#include "check/cli/status.h"
#include "check/cli/verbs.h"
#include "check/report/write.h"

namespace check::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  Form form = Form::by_name;
  std::string on;
  bool quiet = false;
};

std::string plural(std::size_t number, const char* what) {
  return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

// Empty, or how the last call did other than the file says.
std::string broken_promise(const trace::TraceFile& file, const std::vector<Step>& steps,
                           const Subject& subject) {
  if (!file.expect) return {};
  const std::string& law = file.expect->law;
  if (!law.empty() && subject.sentence_of(law) == nullptr) {
    return "expect.law: there is no law " + trace::in_quotes(law);
  }
  if (steps.size() < file.trace.calls.size()) {
    return "the trace ends at call " + std::to_string(steps.size()) + ", before its last";
  }
  // What a system does not support it need not answer as another did.
  if (steps.back().seen.reply.status == trace::Status::declined) return {};
  return unmet(*file.expect, steps.back().call.op, steps.back().seen);
}

int agreed(const std::string& name, const Input& input, const Judgement& judgement,
           const Subject& subject, bool quiet) {
  if (const std::string why = broken_promise(input.file, judgement.steps, subject); !why.empty()) {
    complain(name, why);
    return kCounterexample;
  }
  if (quiet) return kHeld;
  std::cout << name << ": agreed: " << plural(input.file.trace.calls.size(), "operation");
  if (input.file.trace.at_once) {
    std::cout << ", " << plural(judgement.schedules, "schedule") << " tried";
  } else {
    const auto count = [&](trace::Status status) {
      return std::ranges::count_if(
          judgement.steps, [&](const Step& step) { return step.seen.reply.status == status; });
    };
    const auto declined = count(trace::Status::declined);
    const auto asked = std::ssize(judgement.steps) - count(trace::Status::passed_over) - declined;
    std::cout << ", " << asked << " asked";
    if (declined > 0) std::cout << ", " << declined << " declined";
  }
  std::cout << '\n';
  return kHeld;
}

int replay(const std::string& name, const Options& options, const Subject& subject) {
  std::optional<Input> input = load(name, options.form);
  if (!input) return kUsage;
  Judgement judgement = subject.judge(input->file.trace);
  if (!judgement.undecided.empty()) {
    complain(name, judgement.undecided);
    return kHealth;
  }
  if (!judgement.report) return agreed(name, *input, judgement, subject, options.quiet);

  Report& report = *judgement.report;
  report.system = subject.name;
  report.property = "replay of " + name;
  if (input->report) {  // Whoever found it first.
    report.property = input->report->property;
    report.seed = input->report->seed;
    report.shrunk = input->report->shrunk;
  }
  std::cout << text_report(report, name);
  return kCounterexample;
}

}  // namespace

void add_replay(CLI::App& app, int& status, Subjects subjects) {
  auto options = std::make_shared<Options>();
  CLI::App* const verb =
      app.add_subcommand("replay", "Run traces or reports again, and show where they diverge");
  verb->add_option("files", options->files, "Traces or reports")->required()->type_name("FILE");
  add_form_option(*verb, options->form);
  add_on_option(*verb, options->on, subjects);
  verb->add_flag("-q,--quiet", options->quiet, "Say nothing of what agrees");
  verb->callback([options, &status, subjects] {
    for (const std::string& name : options->files) {
      // What could not be read comes first, then what diverges.
      const int one = replay(name, *options, chosen(subjects, options->on));
      if (status == kHeld || one == kUsage) status = one;
    }
  });
}

}  // namespace check::cli
