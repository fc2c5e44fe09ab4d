// SPDX-License-Identifier: MPL-2.0
#include "check/cli/input.h"

#include <algorithm>
#include <iostream>

#include "check/report/files.h"
#include "check/report/write.h"

namespace check::cli {

Form form_of(const std::string& name) {
  const std::string last = name.substr(name.rfind('/') + 1);
  const bool is_artifact =
      std::ranges::any_of(std::array{"crash-", "leak-", "timeout-", "oom-", "slow-unit-"},
                          [&](const char* start) { return last.starts_with(start); });
  return last.ends_with(".bin") || (is_artifact && !last.ends_with(".json")) ? Form::bytes
                                                                             : Form::json;
}

std::optional<Input> load(const std::string& name, Form form) {
  auto refuse = [&](const std::string& why) {
    complain(name, why);
    return std::nullopt;
  };
  const trace::Read<std::string> content = load_file(name);
  if (!content) return refuse(content.why);

  Input input{.form = form == Form::by_name ? form_of(name) : form};
  if (input.form == Form::bytes) {
    if (content.value->size() / trace::kRecordBytes > trace::kMostElements) {
      return refuse("more than " + std::to_string(trace::kMostElements) + " calls");
    }
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(content.value->data());
    input.file.trace = trace::decode({bytes, content.value->size()});
    return input;
  }
  trace::Read<trace::TraceFile> file = trace::read_trace(*content.value);
  if (!file) return refuse(file.why);
  input.file = std::move(*file.value);
  if (input.file.is_report) {
    trace::Read<Report> report = read_report(*content.value);
    if (!report) return refuse(report.why);
    input.report = std::move(report.value);
  }
  return input;
}

void complain(const std::string& what) { std::cerr << "pagetwin: " << what << std::endl; }

void complain(const std::string& file, const std::string& what) {
  constexpr std::size_t kMost = 200;  // Of a longer name the end tells more than the start.
  const std::string name =
      file.size() <= kMost ? file : "..." + file.substr(file.size() - kMost / 2);
  const bool is_tame = std::ranges::none_of(
      name, [](char byte) { return static_cast<unsigned char>(byte) < ' ' || byte == 0x7f; });
  complain((is_tame && !name.empty() ? name : trace::in_quotes(name)) + ": " + what);
}

void add_form_option(CLI::App& verb, Form& form) {
  verb.add_option("--from", form, "What the file holds (by its name: *.bin is bytes)")
      ->transform(CLI::CheckedTransformer(kForms).description(""))
      ->type_name("json|bytes");
}

void add_on_option(CLI::App& verb, std::string& on, Subjects subjects) {
  if (subjects.size() < 2) return;
  std::vector<std::string> names;
  for (const Subject& one : subjects) names.push_back(one.on);
  on = names.front();
  verb.add_option("--on", on, "Which one is asked (" + on + ")")
      ->check(CLI::IsMember(names).description(""))
      ->type_name(CLI::detail::join(names, "|"));
  for (const Subject& one : subjects) {
    if (one.add_options) one.add_options(verb);
  }
}

const Subject& chosen(Subjects subjects, const std::string& on) {
  const auto named = std::ranges::find(subjects, on, &Subject::on);
  return named == subjects.end() ? subjects.front() : *named;
}

}  // namespace check::cli
