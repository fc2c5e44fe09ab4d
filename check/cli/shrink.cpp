// SPDX-License-Identifier: MPL-2.0
#include "check/shrink.h"

#include <csignal>
#include <iostream>
#include <memory>

#include "check/cli/input.h"
#include "check/cli/status.h"
#include "check/cli/verbs.h"
#include "check/report/files.h"
#include "check/report/write.h"

namespace check::cli {
namespace {

volatile std::sig_atomic_t is_interrupted = 0;
void note_interrupt(int) { is_interrupted = 1; }

struct Options {
  std::string file;
  std::string out;
  std::string on;
  Form form = Form::by_name;
};

// "traces/report.json" -> "report.shrunk.json", here.
std::string default_out(const std::string& name) {
  std::string stem = name.substr(name.rfind('/') + 1);
  for (const char* const ending : {".json", ".bin"}) {
    if (stem.ends_with(ending)) stem.resize(stem.size() - std::string_view(ending).size());
  }
  return stem + ".shrunk.json";
}

int shrink_file(const Options& options, const Subject& subject) {
  std::optional<Input> input = load(options.file, options.form);
  if (!input) return kUsage;
  const trace::Trace& trace = input->file.trace;
  const Judgement first = subject.judge(trace);
  if (!first.undecided.empty()) {
    complain(options.file, first.undecided);
    return kHealth;
  }
  if (!first.report) {
    std::cout << options.file << ": agreed: there is nothing to shrink\n";
    return kHeld;
  }

  // From here on an interrupt ends the search, and what was found is written.
  (void)std::signal(SIGINT, note_interrupt);
  (void)std::signal(SIGTERM, note_interrupt);
  const std::optional<std::size_t> failing_step =
      trace.at_once ? std::nullopt : std::optional(first.report->diverged.step);
  Shrunk shrunk = shrink(
      first.report->trace,
      [&](trace::Trace& candidate) { return is_interrupted == 0 && subject.fails(candidate); },
      trace.at_once ? kBudgetAtOnce : Budget{}, failing_step);
  Judgement last = subject.judge(shrunk.trace);
  if (!last.report) {
    complain(options.file, "a smaller trace diverged only once; the trace is left as it is");
    last = first;
    shrunk.trace = first.report->trace;
  }

  Report& report = *last.report;
  report.system = subject.name;
  report.property = input->report ? input->report->property : "shrink of " + options.file;
  report.seed = input->report ? input->report->seed : 0;
  report.shrunk = {trace.calls.size(), report.trace.calls.size(), shrunk.tries};
  if (input->report) {  // Of a report that was shrunk before, the whole way is told.
    report.shrunk.from_ops = std::max(report.shrunk.from_ops, input->report->shrunk.from_ops);
    report.shrunk.tries += input->report->shrunk.tries;
  }
  const std::string out = options.out.empty() ? default_out(options.file) : options.out;
  const bool is_written = store_report(report, out, "", std::cerr);
  if (is_written) std::cout << text_report(report, out);
  return is_interrupted != 0 ? kInterrupted : is_written ? kCounterexample : kUsage;
}

}  // namespace

void add_shrink(CLI::App& app, int& status, Subjects subjects) {
  auto options = std::make_shared<Options>();
  CLI::App* const verb =
      app.add_subcommand("shrink", "Look for the simplest trace that diverges like this one");
  verb->add_option("file", options->file, "A trace or a report")->required()->type_name("FILE");
  verb->add_option("-o,--out", options->out, "Where the report goes (NAME.shrunk.json)");
  add_form_option(*verb, options->form);
  add_on_option(*verb, options->on, subjects);
  verb->callback([options, &status, subjects] {
    status = shrink_file(*options, chosen(subjects, options->on));
  });
}

}  // namespace check::cli
