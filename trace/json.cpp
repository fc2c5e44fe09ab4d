// SPDX-License-Identifier: MPL-2.0
#include "trace/json.h"

#include <limits>

#include "trace/text.h"

namespace trace {
namespace {

constexpr std::size_t kMostText = 4000;  // Bytes of a "why".
constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();

// The nouns, both ways.

template <class What, std::uint8_t Number>
Json noun(Register<What, Number> place) {
  return place.index;
}
template <class What, std::uint8_t Number>
void read_noun(const Reader& from, Register<What, Number>& place) {
  place.index = static_cast<std::uint8_t>(from.number(0, Number - 1));
}

Json noun(Count count) { return count.value(); }
void read_noun(const Reader& from, Count& count) {
  const std::uint64_t value = from.number(0, kAny);
  const auto huge = std::ranges::find(Count::kHuge, value);
  if (value < Count::kFirstHuge) {
    count.raw = static_cast<std::uint16_t>(value);
  } else if (huge != Count::kHuge.end()) {
    count.raw = static_cast<std::uint16_t>(Count::kFirstHuge + (huge - Count::kHuge.begin()));
  } else {
    from.refuse("must be below 65532, or 2^52, 2^63 - 3, 2^63 or 2^64 - 1, and is " +
                std::to_string(value));
  }
}

Json noun(Order order) { return order.value; }
void read_noun(const Reader& from, Order& order) {
  order.value = static_cast<std::uint8_t>(from.number(0, Order::kMost));
}

Json noun(Flag flag) { return flag.value(); }
void read_noun(const Reader& from, Flag& flag) { flag.on = from.flag() ? 1 : 0; }

Json noun(RegionType type) { return kRegionNames[static_cast<std::size_t>(type.name)]; }
void read_noun(const Reader& from, RegionType& type) {
  type.name = static_cast<RegionName>(from.one_of("a type of memory region", kRegionNames));
}

// A fact's may be that of a page-table node, which no operation can ask for.
Json noun(Kind kind) { return kKindNames[static_cast<std::size_t>(kind.name)]; }
void read_noun(const Reader& from, Kind& kind) {
  kind.name = static_cast<KindName>(from.one_of("a kind of metadata", kKindNames));
}

// A byte in a page.
void read_byte(const Reader& from, std::uint8_t& offset) {
  const std::uint64_t byte = from.number(0, 4095);
  const auto found = std::ranges::find(PageOffset::kBytesIn, byte);
  if (found == PageOffset::kBytesIn.end()) {
    return from.refuse("must be 0, 1, 8, 63, 2048 or 4095, and is " + std::to_string(byte));
  }
  const auto index = found - PageOffset::kBytesIn.begin();
  offset =
      index == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(PageOffset::kFirstOther + index - 1);
}

Json noun(PhysPlace at) {
  const std::uint64_t byte = PageOffset::byte(at.offset);
  if (at.is_outside()) {
    return {{"outside", kOutsideNames[at.page - PhysPlace::kFirstOutside]}, {"byte", byte}};
  }
  if (byte == 0) return at.page;
  return {{"page", at.page}, {"byte", byte}};
}
void read_noun(const Reader& from, PhysPlace& at) {
  auto page = [](const Reader& number) {
    return static_cast<std::uint16_t>(number.number(0, PhysPlace::kFirstOutside - 1));
  };
  if (!from.is_object()) {
    if (!from.is_number()) {
      return from.refuse(R"(must be a page's number, {"page": ...} or {"outside": ...})");
    }
    at.page = page(from);
    return;
  }
  if (from.has("outside")) {
    from.only({"outside", "byte"});
    at.page = static_cast<std::uint16_t>(
        PhysPlace::kFirstOutside +
        from.member("outside").one_of("a place outside the machine", kOutsideNames));
  } else {
    from.only({"page", "byte"});
    at.page = page(from.member("page"));
  }
  if (from.has("byte")) read_byte(from.member("byte"), at.offset);
}

Json noun(ColdPlace place) { return noun(place.at); }
void read_noun(const Reader& from, ColdPlace& place) { read_noun(from, place.at); }

// The number of bytes, if there are only whole pages.
Json noun(Extent extent) {
  const std::uint64_t byte = PageOffset::byte(extent.offset);
  if (byte == 0) return extent.value();
  return {{"bytes", extent.value() - byte}, {"byte", byte}};
}
void read_noun(const Reader& from, Extent& extent) {
  const bool has_byte = from.is_object();
  if (has_byte) from.only({"bytes", "byte"});
  const Reader whole = has_byte ? from.member("bytes") : from;
  const std::uint64_t value = whole.number(0, kAny);
  const auto huge = std::ranges::find(Extent::kHuge, value);
  if (value % 4096 == 0 && value / 4096 < Extent::kFirstHuge) {
    extent.pages = static_cast<std::uint16_t>(value / 4096);
  } else if (huge != Extent::kHuge.end()) {
    extent.pages = static_cast<std::uint16_t>(Extent::kFirstHuge + (huge - Extent::kHuge.begin()));
  } else {
    return whole.refuse(
        "must be a multiple of 4096 below 65532 * 4096, or 2^63 - 4096, 2^63, 2^64 - 8192 or "
        "2^64 - 4096, and is " +
        std::to_string(value));
  }
  if (has_byte) read_byte(from.member("byte"), extent.offset);
}

// The names of those that are set.
template <class Set>
Json names_in(const Set& names, std::uint8_t bits) {
  Json all = Json::array();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if ((bits >> i & 1) != 0) all.push_back(names[i]);
  }
  return all;
}
template <class Set>
std::uint8_t read_names(const Reader& from, const char* what, const Set& names) {
  unsigned bits = 0;
  const std::size_t size = from.size(names.size());
  for (std::size_t i = 0; i < size; ++i) bits |= 1u << from.element(i).one_of(what, names);
  return static_cast<std::uint8_t>(bits);
}

Json noun(Rights rights) { return names_in(kRightNames, rights.bits); }
void read_noun(const Reader& from, Rights& rights) {
  rights.bits = read_names(from, "a right", kRightNames);
}
Json noun(Privileged privileged) { return names_in(kPrivilegedNames, privileged.bits); }
void read_noun(const Reader& from, Privileged& privileged) {
  privileged.bits = read_names(from, "a privileged mark", kPrivilegedNames);
}
Json noun(Cache cache) { return kCacheNames[static_cast<std::size_t>(cache.name)]; }
void read_noun(const Reader& from, Cache& cache) {
  cache.name = static_cast<CacheName>(from.one_of("a cache policy", kCacheNames));
}

Json noun(const Property& property) {
  return {{"rights", noun(property.rights)},
          {"privileged", noun(property.privileged)},
          {"cache", noun(property.cache)}};
}
void read_noun(const Reader& from, Property& property) {
  from.only({"rights", "privileged", "cache"});
  read_noun(from.member("rights"), property.rights);
  if (from.has("privileged")) read_noun(from.member("privileged"), property.privileged);
  if (from.has("cache")) read_noun(from.member("cache"), property.cache);
}

Json noun(const Change& change) {
  Json json = {{"take", noun(change.take)}, {"give", noun(change.give)}};
  if (change.cache != Change::kKeep) json["cache"] = kCacheNames[change.cache - 1u];
  return json;
}
void read_noun(const Reader& from, Change& change) {
  from.only({"take", "give", "cache"});
  read_noun(from.member("take"), change.take);
  read_noun(from.member("give"), change.give);
  if (from.has("cache")) {
    change.cache =
        static_cast<std::uint8_t>(1 + from.member("cache").one_of("a cache policy", kCacheNames));
  }
}

Json noun(TableKind kind) { return kTableKindNames[static_cast<std::size_t>(kind.name)]; }
void read_noun(const Reader& from, TableKind& kind) {
  const auto names = std::span(kTableKindNames).first<TableKind::kCount>();
  kind.name = static_cast<TableKindName>(from.one_of("a kind of table that can be made", names));
}
Json noun(Table table) { return kTableNames[table.index]; }
void read_noun(const Reader& from, Table& table) {
  table.index = static_cast<std::uint8_t>(from.one_of("a table", kTableNames));
}
Json noun(Level level) { return level.value; }
void read_noun(const Reader& from, Level& level) {
  level.value = static_cast<std::uint8_t>(from.number(1, Level::kMost));
}
Json noun(Access access) { return kAccessNames[static_cast<std::size_t>(access.name)]; }
void read_noun(const Reader& from, Access& access) {
  access.name = static_cast<AccessName>(from.one_of("an access", kAccessNames));
}

// The place's name alone, if it is at its first byte.
Json noun(VirtPlace at) {
  const std::uint64_t byte = PageOffset::byte(at.offset);
  if (at.page == 0 && byte == 0) return kVirtNames[at.place];
  Json json = {{"place", kVirtNames[at.place]}, {"page", at.pages()}};
  if (byte != 0) json["byte"] = byte;
  return json;
}
void read_noun(const Reader& from, VirtPlace& at) {
  const bool has_more = from.is_object();
  if (has_more) from.only({"place", "page", "byte"});
  const Reader place = has_more ? from.member("place") : from;
  at.place = static_cast<std::uint8_t>(place.one_of("a virtual place", kVirtNames));
  if (!has_more) return;
  at.page = static_cast<std::uint8_t>(from.member("page").small_number(-128, 127));
  if (from.has("byte")) read_byte(from.member("byte"), at.offset);
}

Json noun(Length length) {
  Json json = {{"unit", kLengthNames[length.unit]}, {"count", length.count}};
  const std::uint64_t byte = PageOffset::byte(length.offset);
  if (byte != 0) json["byte"] = byte;
  return json;
}
void read_noun(const Reader& from, Length& length) {
  from.only({"unit", "count", "byte"});
  length.unit =
      static_cast<std::uint8_t>(from.member("unit").one_of("a unit of length", kLengthNames));
  length.count = static_cast<std::uint8_t>(from.member("count").number(0, 255));
  if (from.has("byte")) read_byte(from.member("byte"), length.offset);
}

// The place's name alone, if it is its first page.
Json noun(Target at) {
  if (at.page == 0) return kTargetNames[at.base];
  return {{"base", kTargetNames[at.base]}, {"page", at.page}};
}
void read_noun(const Reader& from, Target& at) {
  const bool has_more = from.is_object();
  if (has_more) from.only({"base", "page"});
  const Reader base = has_more ? from.member("base") : from;
  at.base = static_cast<std::uint8_t>(base.one_of("a physical place to be mapped", kTargetNames));
  if (has_more) at.page = static_cast<std::uint16_t>(from.member("page").number(0, 65535));
}

// The parts of facts that are no nouns.

Json noun(Address at) { return at.value; }
void read_noun(const Reader& from, Address& at) { at.value = from.number(0, kAny); }

Json noun(std::uint64_t number) { return number; }
void read_noun(const Reader& from, std::uint64_t& number) { number = from.number(0, kAny); }
Json noun(Use use) { return kUseNames[static_cast<std::size_t>(use)]; }
void read_noun(const Reader& from, Use& use) {
  use = static_cast<Use>(from.one_of("a use", kUseNames));
}
Json noun(Usage usage) { return kUsageNames[static_cast<std::size_t>(usage)]; }
void read_noun(const Reader& from, Usage& usage) {
  usage = static_cast<Usage>(from.one_of("a usage", kUsageNames));
}
Json noun(const Words& words) {
  Json all = Json::array();
  for (const std::uint64_t word : words) all.push_back(word);
  return all;
}
void read_noun(const Reader& from, Words& words) {
  const std::size_t size = from.size(words.size());
  for (std::size_t i = 0; i < size; ++i) words[i] = from.element(i).number(0, kAny);
}

template <class T>
void write_fields(const T& from, Json& into) {
  T::fields([&](const char* name, auto member) { into[name] = noun(from.*member); });
}

template <class T>
void read_fields(const Reader& from, T& into, std::vector<const char*> names) {
  T::fields([&](const char* name, auto) { names.push_back(name); });
  from.only(names);
  T::fields([&](const char* name, auto member) { read_noun(from.member(name), into.*member); });
}

const std::array<const char*, kOpCount>& op_names() {
  static const auto names = [] {
    std::array<const char*, kOpCount> all{};
    for_each_op([&]<class T>(std::type_identity<T>, std::size_t i) { all[i] = T::kName; });
    return all;
  }();
  return names;
}

// Results, by name. What a system has put where no result is has a name too, so nothing that
// differs is ever lost.

std::string unnamed_result(std::size_t index) { return "result" + std::to_string(index); }

std::span<const char* const> names_for(As as) {
  switch (as) {
    case As::kind: return kKindNames;
    case As::usage: return kUsageNames;
    case As::status: return kStatusNames;
    case As::region: return kRegionNames;
    case As::cache: return kCacheNames;
    case As::item: return kItemNames;
    default: return {};
  }
}

Json result(As as, std::uint64_t number) {
  if (as == As::flag && number <= 1) return number == 1;
  const auto names = names_for(as);
  if (number < names.size()) return names[number];
  return number;
}

std::uint64_t read_result(const Reader& from, As as) {
  if (as == As::flag && from.is_boolean()) return from.flag() ? 1 : 0;
  const auto names = names_for(as);
  if (names.empty() || from.is_number()) return from.number(0, kAny);
  return from.one_of("what this result can be", names);
}

// Calls `each(index, result)` for every member, which must be the name of a result of `op`.
void read_results(const Reader& from, const Op& op, auto&& each) {
  const auto named = results_of(op);
  if (!from.is_object()) return from.only({});
  from.for_each_member([&](const std::string& name, const Reader& value) {
    for (std::size_t i = 0; i < Reply{}.results.size(); ++i) {
      if (i < named.size() ? name == named[i].name : name == unnamed_result(i)) {
        return each(i, read_result(value, i < named.size() ? named[i].as : As::number));
      }
    }
    value.refuse(std::string(name_of(op)) + " has no such result");
  });
}

Json pages_of(const PageList& list) {
  Json pages = Json::array();
  for (std::size_t i = 0; i < list.kept(); ++i) pages.push_back(list.page[i]);
  if (list.count == list.kept()) return pages;
  return {{"first", pages}, {"count", list.count}};
}

void read_pages(const Reader& from, PageList& list) {
  const bool is_long = from.is_object();
  const Reader pages = is_long ? from.member("first") : from;
  const std::size_t size = pages.size(PageList::kMost);
  for (std::size_t i = 0; i < size; ++i) list.push(pages.element(i).number(0, 65535));
  if (!is_long) return;
  from.only({"first", "count"});
  list.count = static_cast<std::uint16_t>(from.member("count").number(size, 65535));
}

Json json_of(const Expectation& expect) {
  Json json = {{"status", kStatusNames[static_cast<std::size_t>(expect.status)]}};
  if (expect.code != Code::none) json["code"] = kCodeNames[static_cast<std::size_t>(expect.code)];
  if (!expect.law.empty()) json["law"] = expect.law;
  for (const auto& [name, number] : expect.results) json["results"][name] = number;
  if (expect.taken) json["taken"] = *expect.taken;
  if (expect.given) json["given"] = *expect.given;
  return json;
}

void read(const Reader& from, const Op& op, Expectation& into) {
  from.only({"status", "code", "law", "results", "taken", "given"});
  into.status = static_cast<Status>(from.member("status").one_of("a status", kStatusNames));
  if (from.has("code")) {
    into.code = static_cast<Code>(from.member("code").one_of("a code", kCodeNames));
  }
  if (from.has("law")) into.law = from.member("law").text(40);
  if (from.has("results")) {
    read_results(from.member("results"), op, [&](std::size_t i, std::uint64_t number) {
      const auto named = results_of(op);
      into.results.emplace_back(i < named.size() ? named[i].name : unnamed_result(i), number);
    });
  }
  auto pages = [&](const char* name, std::optional<std::vector<std::uint16_t>>& list) {
    if (!from.has(name)) return;
    PageList kept;
    read_pages(from.member(name), kept);
    list.emplace(kept.page.begin(), kept.page.begin() + kept.kept());
  };
  pages("taken", into.taken);
  pages("given", into.given);
}

}  // namespace

Json json_of(const Call& call) {
  Json json = {{"lane", call.lane.index}, {"op", name_of(call.op)}};
  std::visit([&](const auto& op) { write_fields(op, json); }, call.op);
  return json;
}

void read(const Reader& from, Call& into) {
  into.lane.index = static_cast<std::uint8_t>(from.member("lane").number(0, Cpu::kMost - 1));
  into.op = blank_op(from.member("op").one_of("an operation", op_names()));
  std::visit(
      [&]<class T>(T& op) {
        read_fields(from, op, {"lane", "op"});
        T::fields([&]<class Field>(const char* name, Field T::* member) {
          if constexpr (std::same_as<Field, Kind>) {
            const bool can_be_asked = static_cast<std::size_t>((op.*member).name) < Kind::kCount;
            if (!can_be_asked) from.member(name).refuse("no operation can ask for this kind");
          }
        });
      },
      into.op);
}

Json json_of(const Trace& trace) {
  const Machine& machine = trace.machine;
  Json json = {
      {"machine",
       {{"pages", machine.pages.raw}, {"loose", machine.loose.raw}, {"cpus", machine.cpus.count}}},
      {"at_once", trace.at_once},
      {"prologue", trace.prologue},
      {"calls", Json::array()},
      {"schedule", Json::array()}};
  if (machine.tables.count != 0) json["machine"]["tables"] = machine.tables.count;
  for (const Call& call : trace.calls) json["calls"].push_back(json_of(call));
  for (const Choice& choice : trace.schedule) {
    const Where& at = choice.where;
    json["schedule"].push_back({{choice.what == Choice::What::turn ? "turn" : "failure",
                                 {{"lane", at.lane}, {"op", at.op}, {"point", at.point}}}});
  }
  return json;
}

namespace {

void read(const Reader& from, Machine& into) {
  from.only({"pages", "loose", "cpus", "tables"});
  into.pages.raw = static_cast<std::uint16_t>(from.member("pages").number(2, Machine::kMostPages));
  into.loose.raw = static_cast<std::uint16_t>(from.member("loose").number(1, into.pages.raw - 1u));
  into.cpus.count = static_cast<std::uint8_t>(from.member("cpus").number(1, Cpu::kMost));
  into.tables.count = 0;
  if (!from.has("tables")) return;
  const Reader tables = from.member("tables");
  into.tables.count = static_cast<std::uint8_t>(tables.number(0, TableCount::kMost));
  const int pages = into.pages.raw - into.loose.raw;
  if (into.tables.pages() > pages) {
    tables.refuse("wants " + std::to_string(into.tables.pages()) +
                  " pages of the allocator, which has " + std::to_string(pages));
  }
}

void read(const Reader& from, Choice& into) {
  from.only({"turn", "failure"});
  const bool is_failure = from.has("failure");
  if (is_failure && from.has("turn")) return from.refuse("is either a turn or a failure, not both");
  into.what = is_failure ? Choice::What::failure : Choice::What::turn;
  const Reader where = from.member(is_failure ? "failure" : "turn");
  where.only({"lane", "op", "point"});
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  into.where.lane = static_cast<std::uint8_t>(where.member("lane").number(0, Cpu::kMost - 1));
  into.where.op = static_cast<std::uint32_t>(where.member("op").number(0, kMost));
  into.where.point = static_cast<std::uint32_t>(where.member("point").number(0, kMost));
}

// Without a look at other fields of the object, which may hold more than a trace.
void read_trace_fields(const Reader& from, Trace& into) {
  read(from.member("machine"), into.machine);
  if (from.has("at_once")) into.at_once = from.member("at_once").flag();
  const Reader calls = from.member("calls");
  into.calls.resize(calls.size(kMostElements));
  for (std::size_t i = 0; i < into.calls.size() && !from.is_refused(); ++i) {
    read(calls.element(i), into.calls[i]);
  }
  if (from.has("prologue")) {
    const Reader prologue = from.member("prologue");
    into.prologue = static_cast<std::uint32_t>(prologue.number(0, kMostElements));
    if (into.prologue > into.calls.size()) {
      prologue.refuse("is " + std::to_string(into.prologue) + ", and there are only " +
                      std::to_string(into.calls.size()) + " calls");
    }
  }
  if (from.has("schedule")) {
    const Reader schedule = from.member("schedule");
    into.schedule.resize(schedule.size(kMostElements));
    for (std::size_t i = 0; i < into.schedule.size() && !from.is_refused(); ++i) {
      read(schedule.element(i), into.schedule[i]);
    }
  }
}

}  // namespace

void read(const Reader& from, Trace& into) {
  from.only({"machine", "at_once", "prologue", "calls", "schedule"});
  read_trace_fields(from, into);
}

Json json_of(const Op& op, const Answer& answer) {
  Json json = {{"status", kStatusNames[static_cast<std::size_t>(answer.reply.status)]}};
  if (answer.reply.code != Code::none) {
    json["code"] = kCodeNames[static_cast<std::size_t>(answer.reply.code)];
  }
  const auto named = results_of(op);
  Json results = Json::object();
  for (std::size_t i = 0; i < answer.reply.results.size(); ++i) {
    const std::uint64_t number = answer.reply.results[i];
    if (i >= named.size()) {
      if (number != 0) results[unnamed_result(i)] = number;
    } else if (answer.reply.status == Status::ok || number != 0) {
      results[named[i].name] = result(named[i].as, number);
    }
  }
  if (!results.empty()) json["results"] = std::move(results);
  if (answer.choices.taken.count != 0) json["taken"] = pages_of(answer.choices.taken);
  if (answer.choices.given.count != 0) json["given"] = pages_of(answer.choices.given);
  if (answer.choices.refused != 0) json["refused"] = answer.choices.refused;
  return json;
}

void read(const Reader& from, const Op& op, Answer& into) {
  from.only({"status", "code", "results", "taken", "given", "refused"});
  Reply& reply = into.reply;
  reply.status = static_cast<Status>(from.member("status").one_of("a status", kStatusNames));
  if (from.has("code")) {
    reply.code = static_cast<Code>(from.member("code").one_of("a code", kCodeNames));
  }
  if (from.has("results")) {
    read_results(from.member("results"), op,
                 [&](std::size_t i, std::uint64_t number) { reply.results[i] = number; });
  }
  if (from.has("taken")) read_pages(from.member("taken"), into.choices.taken);
  if (from.has("given")) read_pages(from.member("given"), into.choices.given);
  if (from.has("refused")) {
    into.choices.refused = static_cast<std::uint16_t>(from.member("refused").number(0, 65535));
  }
}

Json json_of(const Fact& fact) {
  return std::visit(
      []<class T>(const T& one) {
        Json json = {{"fact", T::kName}};
        write_fields(one, json);
        return json;
      },
      fact);
}

void read(const Reader& from, Fact& into) {
  constexpr std::array kNames = {PageInUse::kName, PageFree::kName,  PageLinked::kName,
                                 FreeBlock::kName, TableNode::kName, Mapped::kName,
                                 ActiveOn::kName};
  constexpr std::array<Fact, std::variant_size_v<Fact>> kBlank = {
      PageInUse{}, PageFree{}, PageLinked{}, FreeBlock{}, TableNode{}, Mapped{}, ActiveOn{}};
  into = kBlank[from.member("fact").one_of("a fact", kNames)];
  std::visit([&](auto& fact) { read_fields(from, fact, {"fact"}); }, into);
}

std::string write_trace(const TraceFile& file) {
  Json json = {{"format", kFormat}};
  if (!file.why.empty()) json["why"] = file.why;
  if (file.expect) {
    json["expect"] = json_of(*file.expect);
    if (json["expect"].contains("results")) {  // As the last call's operation names them.
      for (auto& [name, value] : json["expect"]["results"].items()) {
        for (const Result& one : results_of(file.trace.calls.back().op)) {
          if (name == one.name) value = result(one.as, value.get<std::uint64_t>());
        }
      }
    }
  }
  json.update(json_of(file.trace));
  return pretty(json);
}

void read_format(const Reader& from) {
  const std::uint64_t format = from.member("format").number(1, kAny);
  if (format > kFormat) {
    from.refuse("format " + std::to_string(format) +
                " is newer than this program reads, which is " + std::to_string(kFormat));
  }
}

Read<TraceFile> read_trace(std::string_view text) noexcept {
  try {
    const Read<Json> json = parse_json(text);
    if (!json) return {.why = json.why};
    std::string why;
    TraceFile file;
    const Reader root(*json.value, why);
    read_format(root);
    if (!root.is_refused() && root.has("trace")) {
      file.is_report = true;
      read(root.member("trace"), file.trace);
      if (root.has("diverged") && root.member("diverged").has("sentence")) {
        file.why = root.member("diverged").member("sentence").text(kMostText);
      }
    } else if (!root.is_refused()) {
      root.only({"format", "why", "expect", "machine", "at_once", "prologue", "calls", "schedule"});
      read_trace_fields(root, file.trace);
      if (root.has("why")) file.why = root.member("why").text(kMostText);
      if (root.has("expect")) {
        if (file.trace.at_once) {
          root.member("expect").refuse("of calls that go at once none is the last");
        } else if (file.trace.calls.empty()) {
          root.member("expect").refuse("there is no call of which to expect something");
        } else {
          read(root.member("expect"), file.trace.calls.back().op, file.expect.emplace());
        }
      }
    }
    if (root.is_refused()) return {.why = std::move(why)};
    return {.value = std::move(file)};
  } catch (...) {
    return {.why = "not enough memory to read it"};
  }
}

std::string unmet(const Expectation& expect, const Op& op, const Answer& answer) {
  if (expect.status != answer.reply.status || expect.code != answer.reply.code) {
    std::string wanted = kStatusNames[static_cast<std::size_t>(expect.status)];
    if (expect.code != Code::none) {
      wanted += std::string("(") + kCodeNames[static_cast<std::size_t>(expect.code)] + ')';
    }
    return "the last call must say " + wanted + ", and says " + text_of(op, answer);
  }
  for (const auto& [name, number] : expect.results) {
    const auto named = results_of(op);
    for (std::size_t i = 0; i < answer.reply.results.size(); ++i) {
      const bool is_it = i < named.size() ? name == named[i].name : name == unnamed_result(i);
      if (is_it && answer.reply.results[i] != number) {
        const As as = i < named.size() ? named[i].as : As::number;
        return "the last call's " + name + " must be " + text_of(as, number) + ", and is " +
               text_of(as, answer.reply.results[i]);
      }
    }
  }
  auto differ = [](const std::optional<std::vector<std::uint16_t>>& want, const PageList& have) {
    return want && (have.count != want->size() ||
                    !std::equal(want->begin(), want->end(), have.page.begin()));
  };
  if (differ(expect.taken, answer.choices.taken)) {
    return "the last call took other pages from the allocator than it must";
  }
  if (differ(expect.given, answer.choices.given)) {
    return "the last call gave other pages to the allocator than it must";
  }
  return {};
}

}  // namespace trace
