// SPDX-License-Identifier: MPL-2.0
#include "check/cli/app.h"

#include <algorithm>
#include <iostream>

#include "check/cli/input.h"
#include "check/cli/status.h"
#include "check/cli/verbs.h"

namespace check::cli {
namespace {

// What the parser says, as one line.
std::string sentence_of(const CLI::Error& error) {
  std::string text = error.what();
  text.resize(std::min(text.find('\n'), text.size()));
  return text + " (--help says what there is)";
}

int run(int argc, char** argv, Subjects subjects, const MoreVerbs& more) {
  int status = kHeld;
  CLI::App app("Judges " + subjects.front().name + " against an obviously correct model.",
               "pagetwin");
  app.set_version_flag("--version", std::string("pagetwin ") + PAGETWIN_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error&) { return std::string(); });
  app.footer(kExitStatuses);
  if (more) more(app, status);
  add_replay(app, status, subjects);
  add_shrink(app, status, subjects);
  add_show(app, status, subjects.front());
  add_convert(app, status);
  add_schema(app, status);
  for (CLI::App* const verb : app.get_subcommands({})) verb->footer(kExitStatuses);
  const auto is_named = [&](const CLI::App* verb) { return verb->get_name() == argv[1]; };
  if (argc > 1 && *argv[1] != '-' && std::ranges::none_of(app.get_subcommands({}), is_named)) {
    complain("there is no verb '" + std::string(argv[1]) + "' (--help says what there is)");
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // Help, or the version.
    complain(sentence_of(error));
    return kUsage;
  }
  if (!std::cout.flush()) {
    complain("standard output cannot be written");
    return kUsage;
  }
  return status;
}

}  // namespace

int run_app(int argc, char** argv, Subjects subjects, const MoreVerbs& more) {
  try {
    return run(argc, argv, subjects, more);
  } catch (const Stop& stop) {
    complain(stop.what());
    return stop.status;
  } catch (const std::exception& error) {
    complain(std::string("internal error: ") + error.what());
  } catch (...) {
    complain("internal error");
  }
  return kInternal;
}

}  // namespace check::cli
