// SPDX-License-Identifier: MPL-2.0
#include <limits>

#include "check/report/write.h"
#include "trace/json.h"
#include "trace/json_schema.h"

namespace check {

using trace::Json;
using trace::object_of;

Json report_schema() {
  auto ref = [](const char* name) {
    return Json{{"$ref", std::string(trace::kTraceSchemaId) + "#/$defs/" + name}};
  };
  const Json text = {{"type", "string"}};
  const Json number = trace::whole_number(0, std::numeric_limits<std::uint64_t>::max());
  const Json expected = {{"anyOf", {Json{{"type", "null"}}, ref("answer")}}};
  Json schema = {{"$schema", trace::kSchemaDialect},
                 {"$id", "https://pagetwin.invalid/report.schema.json"},
                 {"title", "A report: a counterexample, and all that was found out about it"}};
  schema.update(object_of(
      {{"format", {{"const", trace::kFormat}}},
       {"what", text},
       {"system", text},
       {"found_by", object_of({{"property", text}, {"seed", number}})},
       {"trace", ref("trace")},
       {"shrunk", object_of({{"from_ops", number}, {"to_ops", number}, {"tries", number}})},
       {"diverged", object_of({{"step", number},
                               {"oracle", trace::one_of_names(kOracleNames)},
                               {"law", text},
                               {"sentence", text},
                               {"missing", trace::list_of(ref("fact"))},
                               {"unexpected", trace::list_of(ref("fact"))}},
                              {{"said", text}})},
       {"steps", trace::list_of(object_of(
                     {{"call", ref("call")}, {"expected", expected}, {"seen", ref("answer")}}))},
       {"replay", text}}));
  return schema;
}

}  // namespace check
