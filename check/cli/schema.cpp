// SPDX-License-Identifier: MPL-2.0
#include <iostream>
#include <memory>

#include "check/cli/verbs.h"
#include "check/report/write.h"
#include "trace/json_schema.h"

namespace check::cli {

void add_schema(CLI::App& app, int&) {
  auto what = std::make_shared<std::string>();
  CLI::App* const verb =
      app.add_subcommand("schema", "Print the JSON Schema of traces or of reports");
  verb->add_option("what", *what, "trace or report")
      ->required()
      ->check(CLI::IsMember({"trace", "report"}));
  verb->callback([what] {
    std::cout << trace::pretty(*what == "trace" ? trace::trace_schema() : report_schema());
  });
}

}  // namespace check::cli
