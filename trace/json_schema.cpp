// SPDX-License-Identifier: MPL-2.0
#include "trace/json_schema.h"

#include <limits>
#include <span>

#include "trace/json.h"

namespace trace {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();

Json ref(const char* name) { return {{"$ref", std::string("#/$defs/") + name}}; }

// The nouns.
template <class What, std::uint8_t Number>
Json schema_of(std::type_identity<Register<What, Number>>) {
  return whole_number(0, Number - 1);
}
Json schema_of(std::type_identity<Count>) { return ref("count"); }
Json schema_of(std::type_identity<Order>) { return whole_number(0, Order::kMost); }
Json schema_of(std::type_identity<Flag>) { return {{"type", "boolean"}}; }
Json schema_of(std::type_identity<Extent>) { return ref("extent"); }
Json schema_of(std::type_identity<ColdPlace>) { return ref("phys_place"); }
Json schema_of(std::type_identity<RegionType>) { return ref("region_type"); }
Json schema_of(std::type_identity<Kind>) { return ref("kind"); }
Json schema_of(std::type_identity<PhysPlace>) { return ref("phys_place"); }
Json schema_of(std::type_identity<std::uint64_t>) { return whole_number(0, kAny); }
Json schema_of(std::type_identity<Use>) { return one_of_names(kUseNames); }
Json schema_of(std::type_identity<Usage>) { return one_of_names(kUsageNames); }
template <class Set>
Json names_of(const Set& names) {
  Json list = list_of(one_of_names(names));
  list["maxItems"] = names.size();
  return list;
}
Json schema_of(std::type_identity<Property>) { return ref("property"); }
Json schema_of(std::type_identity<Change>) { return ref("change"); }
Json schema_of(std::type_identity<TableKind>) {
  return one_of_names(std::span(kTableKindNames).first<TableKind::kCount>());
}
Json schema_of(std::type_identity<Table>) { return one_of_names(kTableNames); }
Json schema_of(std::type_identity<Level>) { return whole_number(1, Level::kMost); }
Json schema_of(std::type_identity<Access>) { return one_of_names(kAccessNames); }
Json schema_of(std::type_identity<VirtPlace>) { return ref("virt_place"); }
Json schema_of(std::type_identity<Length>) { return ref("length"); }
Json schema_of(std::type_identity<Target>) { return ref("target"); }
Json schema_of(std::type_identity<Address>) { return whole_number(0, kAny); }
Json schema_of(std::type_identity<Words>) {
  Json words = list_of(whole_number(0, kAny));
  words["maxItems"] = kMostWords;
  return words;
}

template <class T>
void add_fields(Json& required) {
  T::fields([&]<class Field>(const char* name, Field T::*) {
    required[name] = schema_of(std::type_identity<Field>());
  });
}

Json constant(const char* value) { return {{"const", value}}; }

const Json& byte() {
  static const Json byte = {{"enum", PageOffset::kBytesIn}};
  return byte;
}

Json phys_place() {
  const Json page = whole_number(0, PhysPlace::kFirstOutside - 1);
  return {{"anyOf",
           {page, object_of({{"page", page}}, {{"byte", byte()}}),
            object_of({{"outside", one_of_names(kOutsideNames)}}, {{"byte", byte()}})}}};
}

Json virt_place() {
  const Json place = one_of_names(kVirtNames);
  const Json page = {{"type", "integer"}, {"minimum", -128}, {"maximum", 127}};
  return {{"anyOf", {place, object_of({{"place", place}, {"page", page}}, {{"byte", byte()}})}}};
}

Json target() {
  const Json base = one_of_names(kTargetNames);
  return {{"anyOf", {base, object_of({{"base", base}, {"page", whole_number(0, 65535)}})}}};
}

Json length() {
  return object_of({{"unit", one_of_names(kLengthNames)}, {"count", whole_number(0, 255)}},
                   {{"byte", byte()}});
}

Json property() {
  return object_of({{"rights", ref("rights")}},
                   {{"privileged", ref("privileged")}, {"cache", ref("cache")}});
}

Json change() {
  return object_of({{"take", ref("rights")}, {"give", ref("rights")}}, {{"cache", ref("cache")}});
}

Json count() {
  return {{"anyOf", {whole_number(0, Count::kFirstHuge - 1), Json{{"enum", Count::kHuge}}}}};
}

Json extent() {
  Json pages = whole_number(0, (Extent::kFirstHuge - 1) * std::uint64_t{4096});
  pages["multipleOf"] = 4096;
  const Json whole = {{"anyOf", {pages, Json{{"enum", Extent::kHuge}}}}};
  return {{"anyOf", {whole, object_of({{"bytes", whole}, {"byte", byte()}})}}};
}

Json calls() {
  Json any = Json::array();
  for_each_op([&]<class T>(std::type_identity<T>, std::size_t) {
    Json required = {{"lane", whole_number(0, Cpu::kMost - 1)}, {"op", constant(T::kName)}};
    add_fields<T>(required);
    any.push_back(object_of(required));
  });
  return {{"oneOf", any}};
}

template <class... Facts>
Json facts(std::type_identity<std::variant<Facts...>>) {
  Json any = Json::array();
  auto add = [&]<class T>(std::type_identity<T>) {
    Json required = {{"fact", constant(T::kName)}};
    add_fields<T>(required);
    any.push_back(object_of(required));
  };
  (add(std::type_identity<Facts>()), ...);
  return {{"oneOf", any}};
}

Json choice() {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const Json where = object_of({{"lane", whole_number(0, Cpu::kMost - 1)},
                                {"op", whole_number(0, kMost)},
                                {"point", whole_number(0, kMost)}});
  return {{"oneOf", {object_of({{"turn", where}}), object_of({{"failure", where}})}}};
}

// Results are named by the operation; here any name will do.
Json results() {
  return {{"type", "object"},
          {"additionalProperties", {{"type", {"integer", "boolean", "string"}}}}};
}

Json pages() {
  Json few = list_of(whole_number(0, 65535));
  few["maxItems"] = PageList::kMost;
  return {{"anyOf", {few, object_of({{"first", few}, {"count", whole_number(0, 65535)}})}}};
}

Json answer_with(const Json& more) {
  Json optional = {{"code", one_of_names(kCodeNames)},
                   {"results", results()},
                   {"taken", ref("pages")},
                   {"given", ref("pages")}};
  optional.update(more);
  return object_of({{"status", one_of_names(kStatusNames)}}, optional);
}

}  // namespace

Json whole_number(std::uint64_t least, std::uint64_t most) {
  return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}

Json one_of_names(std::span<const char* const> names) {
  Json list = Json::array();
  for (const char* const name : names) list.push_back(name);
  return {{"enum", std::move(list)}};
}

Json object_of(const Json& required, const Json& optional) {
  Json properties = required;
  properties.update(optional);
  Json names = Json::array();
  for (const auto& [name, schema] : required.items()) names.push_back(name);
  return {{"type", "object"},
          {"properties", properties},
          {"required", names},
          {"additionalProperties", false}};
}

Json list_of(const Json& items) { return {{"type", "array"}, {"items", items}}; }

Json trace_schema() {
  const Json machine = object_of({{"pages", whole_number(2, Machine::kMostPages)},
                                  {"loose", whole_number(1, Machine::kMostPages - 1)},
                                  {"cpus", whole_number(1, Cpu::kMost)}},
                                 {{"tables", whole_number(0, TableCount::kMost)}});
  const Json required = {{"machine", machine}, {"calls", list_of(ref("call"))}};
  const Json optional = {{"at_once", {{"type", "boolean"}}},
                         {"prologue", whole_number(0, kMostElements)},
                         {"schedule", list_of(ref("choice"))}};
  Json file_required = {{"format", {{"const", kFormat}}}};
  file_required.update(required);
  Json file_optional = {{"why", {{"type", "string"}}}, {"expect", ref("expectation")}};
  file_optional.update(optional);

  Json schema = {{"$schema", kSchemaDialect},
                 {"$id", kTraceSchemaId},
                 {"title", "A trace: what to ask of a memory manager, on which machine"}};
  schema.update(object_of(file_required, file_optional));
  schema["$defs"] = {{"trace", object_of(required, optional)},
                     {"call", calls()},
                     {"choice", choice()},
                     {"answer", answer_with({{"refused", whole_number(0, 65535)}})},
                     {"expectation", answer_with({{"law", {{"type", "string"}}}})},
                     {"fact", facts(std::type_identity<Fact>())},
                     {"phys_place", phys_place()},
                     {"count", count()},
                     {"extent", extent()},
                     {"kind", one_of_names(kKindNames)},
                     {"region_type", one_of_names(kRegionNames)},
                     {"rights", names_of(kRightNames)},
                     {"privileged", names_of(kPrivilegedNames)},
                     {"cache", one_of_names(kCacheNames)},
                     {"property", property()},
                     {"change", change()},
                     {"virt_place", virt_place()},
                     {"target", target()},
                     {"length", length()},
                     {"pages", pages()}};
  return schema;
}

}  // namespace trace
