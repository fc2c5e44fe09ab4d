// SPDX-License-Identifier: MPL-2.0
#include <filesystem>
#include <iostream>
#include <memory>
#include <unistd.h>

#include "check/cli/input.h"
#include "check/cli/status.h"
#include "check/cli/verbs.h"
#include "check/report/files.h"

namespace check::cli {
namespace {

struct Options {
  std::string file;
  std::string out = "-";
  Form from = Form::by_name;
  Form to = Form::by_name;
};

// What the file says and bytes cannot: "no schedule and no why"; empty if they say it all.
std::string lost_in_bytes(const trace::TraceFile& file) {
  std::vector<const char*> lost;
  if (!file.trace.schedule.empty()) lost.push_back("no schedule");
  if (file.is_report) lost.push_back("no report");
  if (!file.why.empty() && !file.is_report) lost.push_back("no why");
  if (file.expect) lost.push_back("no expect");
  const std::size_t held = file.trace.at_once ? file.trace.prologue & 0xffff : 0;
  if (file.trace.prologue != held) lost.push_back("no such prologue");
  std::string text;
  for (std::size_t i = 0; i < lost.size(); ++i) {
    text += std::string(i == 0 ? "" : i + 1 == lost.size() ? " and " : ", ") + lost[i];
  }
  return text;
}

int convert(const Options& options) {
  const std::optional<Input> input = load(options.file, options.from);
  if (!input) return kUsage;
  Form to = options.to;
  if (to == Form::by_name && options.out != "-") to = form_of(options.out);
  if (to == Form::by_name) to = input->form == Form::json ? Form::bytes : Form::json;

  const trace::TraceFile& file = input->file;
  std::string content;
  if (to == Form::json) {
    content = trace::write_trace({.trace = file.trace, .why = file.why, .expect = file.expect});
  } else {
    const auto bytes = trace::encode(file.trace);
    content.assign(bytes.begin(), bytes.end());
    if (const std::string lost = lost_in_bytes(file); !lost.empty()) {
      complain(options.file, "bytes hold " + lost + "; that is left out");
    }
  }
  if (std::error_code ignored; std::filesystem::equivalent(options.file, options.out, ignored)) {
    complain(options.out, "is what is read, and would lose all but its trace");
    return kUsage;
  }
  if (options.out != "-") {
    const std::string why = store_file(options.out, content);
    if (!why.empty()) complain(options.out, why);
    return why.empty() ? kHeld : kUsage;
  }
  if (to == Form::bytes && ::isatty(STDOUT_FILENO) != 0) {
    complain("bytes are not shown on a terminal: name a file with -o");
    return kUsage;
  }
  std::cout << content;
  return kHeld;
}

}  // namespace

void add_convert(CLI::App& app, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* const verb =
      app.add_subcommand("convert", "Write a trace as bytes, or as JSON (bytes hold no schedule)");
  verb->add_option("file", options->file, "A trace or a report")->required()->type_name("FILE");
  verb->add_option("-o,--out", options->out, "Where it goes (-: standard output)");
  verb->add_option("--to", options->to,
                   "What to write (by the name of the output, or the other one)")
      ->transform(CLI::CheckedTransformer(kForms).description(""))
      ->type_name("json|bytes");
  add_form_option(*verb, options->from);
  verb->callback([options, &status] { status = convert(*options); });
}

}  // namespace check::cli
