// SPDX-License-Identifier: MPL-2.0
// The files that verbs are given: traces as JSON or as bytes, and reports.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "check/cli/subject.h"
#include "check/report/report.h"
#include "trace/json.h"

namespace check::cli {

enum class Form : int { by_name, json, bytes };
inline const std::map<std::string, Form> kForms = {{"json", Form::json}, {"bytes", Form::bytes}};

// Bytes are what is called *.bin, or as libFuzzer calls what it found: crash-*, timeout-*, ...
Form form_of(const std::string& name);

struct Input {
  trace::TraceFile file{};
  std::optional<Report> report{};  // If it is one.
  Form form = Form::json;
};

// What is in the file; or else none, and one sentence on standard error.
std::optional<Input> load(const std::string& name, Form form);

// "pagetwin: <what>", on standard error.
void complain(const std::string& what);
// The same of a file, whatever it is called.
void complain(const std::string& file, const std::string& what);

// Adds --from to a verb.
void add_form_option(CLI::App& verb, Form& form);
// Adds --on to a verb, if there are several; and the options that they have of their own.
void add_on_option(CLI::App& verb, std::string& on, Subjects subjects);
const Subject& chosen(Subjects subjects, const std::string& on);

}  // namespace check::cli
