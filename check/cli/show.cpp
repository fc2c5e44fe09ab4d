// SPDX-License-Identifier: MPL-2.0
#include <iostream>
#include <memory>

#include "check/cli/input.h"
#include "check/cli/status.h"
#include "check/cli/verbs.h"
#include "check/report/write.h"
#include "trace/text.h"

namespace check::cli {
namespace {

struct Options {
  std::string file;
  Form form = Form::by_name;
};

int show(const Options& options, const Subject& subject) {
  const std::optional<Input> input = load(options.file, options.form);
  if (!input) return kUsage;
  if (input->report) {
    std::cout << text_report(*input->report, options.file);
    return kHeld;
  }
  const trace::TraceFile& file = input->file;
  if (!file.why.empty()) std::cout << file.why << "\n\n";
  std::cout << file.trace;
  if (file.expect) {
    std::cout << "the last must say "
              << trace::kStatusNames[static_cast<std::size_t>(file.expect->status)];
    if (!file.expect->law.empty()) {
      std::cout << ": " << file.expect->law;
      const char* const sentence = subject.sentence_of(file.expect->law);
      if (sentence != nullptr) std::cout << ", " << sentence;
    }
    std::cout << '\n';
  }
  return kHeld;
}

}  // namespace

void add_show(CLI::App& app, int& status, const Subject& subject) {
  auto options = std::make_shared<Options>();
  CLI::App* const verb = app.add_subcommand("show", "Show a trace or a report for people");
  verb->add_option("file", options->file, "A trace or a report")->required()->type_name("FILE");
  add_form_option(*verb, options->form);
  verb->callback([options, &status, &subject] { status = show(*options, subject); });
}

}  // namespace check::cli
