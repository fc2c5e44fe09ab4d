// SPDX-License-Identifier: MPL-2.0
// Traces, answers and facts survive JSON, and whatever is no trace is refused with one sentence
// that names the place.
#include "trace/json.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace {

using trace::read_trace;

// Any trace that bytes can say, with any schedule.
rc::Gen<trace::Trace> any_trace() {
  return rc::gen::exec([] {
    const auto bytes = *rc::gen::scale(8.0, rc::gen::arbitrary<std::vector<std::uint8_t>>());
    trace::Trace made = trace::decode(bytes);
    made.schedule = *rc::gen::container<std::vector<trace::Choice>>(rc::gen::exec([] {
      return trace::Choice{
          *rc::gen::element(trace::Choice::What::turn, trace::Choice::What::failure),
          {*rc::gen::inRange<std::uint8_t>(0, trace::Cpu::kMost),
           *rc::gen::arbitrary<std::uint32_t>(), *rc::gen::arbitrary<std::uint32_t>()}};
    }));
    return made;
  });
}

std::uint64_t any_number() {
  return *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(),
                         rc::gen::inRange<std::uint64_t>(0, 16),
                         rc::gen::element(~std::uint64_t{0}, std::uint64_t{1} << 63));
}

template <class Enum>
Enum any_of(const auto& names) {
  return static_cast<Enum>(*rc::gen::inRange<std::size_t>(0, names.size()));
}

trace::PageList any_pages() {
  trace::PageList list;
  const std::size_t count = *rc::gen::inRange<std::size_t>(0, 80);
  for (std::size_t i = 0; i < count; ++i) list.push(*rc::gen::inRange<std::uint64_t>(0, 65536));
  return list;
}

RC_GTEST_PROP(Json, TracesReadBackAsTheyWere, ()) {
  const trace::TraceFile file{.trace = *any_trace(), .why = "It \"must\" be kept\n."};
  const auto again = read_trace(write_trace(file));
  RC_ASSERT(again.why == "");
  RC_ASSERT(*again.value == file);
}

RC_GTEST_PROP(Json, AnswersReadBackAsTheyWere, ()) {
  const trace::Op op = trace::blank_op(*rc::gen::inRange<std::size_t>(0, trace::kOpCount));
  trace::Answer answer;
  answer.reply.status = any_of<trace::Status>(trace::kStatusNames);
  answer.reply.code = any_of<trace::Code>(trace::kCodeNames);
  for (auto& result : answer.reply.results) result = any_number();
  answer.choices.taken = any_pages();
  answer.choices.given = any_pages();
  answer.choices.refused = *rc::gen::arbitrary<std::uint16_t>();

  const auto json = trace::parse_json(trace::pretty(json_of(op, answer)));
  RC_ASSERT(json.why == "");
  trace::Answer again;
  std::string why;
  read(trace::Reader(*json.value, why), op, again);
  RC_ASSERT(why == "");
  RC_ASSERT(again == answer);
}

RC_GTEST_PROP(Json, FactsReadBackAsTheyWere, ()) {
  trace::PageInUse in_use{.page = any_number(),
                          .use = any_of<trace::Use>(trace::kUseNames),
                          .count = any_number(),
                          .in_list = any_number(),
                          .kind = {any_of<trace::KindName>(trace::kKindNames)},
                          .usage = any_of<trace::Usage>(trace::kUsageNames)};
  for (auto& word : in_use.words) word = any_number();
  const trace::PageLinked linked{.page = any_number(), .next = any_number(), .prev = any_number()};
  const trace::FreeBlock block{.page = any_number(), .pages = any_number(), .where = any_number()};
  for (const trace::Fact& fact : {trace::Fact(in_use), trace::Fact(trace::PageFree{in_use.page}),
                                  trace::Fact(linked), trace::Fact(block)}) {
    trace::Fact again;
    std::string why;
    const trace::Json json = json_of(fact);
    read(trace::Reader(json, why), again);
    RC_ASSERT(why == "");
    RC_ASSERT(again == fact);
  }
}

RC_GTEST_PROP(Json, AnyBytesAreATraceOrOneSentence, ()) {
  const auto text = *rc::gen::arbitrary<std::string>();
  const auto read = read_trace(text);
  RC_ASSERT(read.value.has_value() == read.why.empty());
  RC_ASSERT(read.why.find('\n') == std::string::npos);
}

// Changes one byte of a good file. What is read is a trace all the same, or a sentence.
RC_GTEST_PROP(Json, AFileWithAWrongByteIsATraceOrOneSentence, ()) {
  std::string text = trace::write_trace({.trace = *any_trace()});
  text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
  const auto read = read_trace(text);
  RC_ASSERT(read.value.has_value() == read.why.empty());
  RC_ASSERT(read.why.find('\n') == std::string::npos);
  RC_ASSERT(read.why.size() < 300);
}

trace::TraceFile small_file() {
  trace::TraceFile file{.why = "It shows what a file holds."};
  file.trace.at_once = true;
  file.trace.prologue = 1;
  file.trace.calls = {{{0}, trace::FrameFromUnused{{6, 0}, {trace::KindName::value8}, {5}, {7}}},
                      {{1}, trace::FrameFromInUse{{trace::PhysPlace::kFirstOutside, 0xfc}, {3}}},
                      {{0}, trace::FrameDrop{{7}}}};
  file.trace.schedule = {{trace::Choice::What::turn, {1, 0, 2}},
                         {trace::Choice::What::failure, {0, 0, 1}}};
  return file;
}

trace::TraceFile small_tour() {
  trace::TraceFile file = small_file();
  file.trace.at_once = false;
  file.trace.prologue = 0;
  file.trace.schedule.clear();
  file.expect = {.status = trace::Status::ok, .results = {{"was_last", 1}}, .given = {{6}}};
  return file;
}

TEST(Json, AFileLooksAsTheReadmeSays) {
  EXPECT_EQ(write_trace(small_file()), R"({
  "format": 1,
  "why": "It shows what a file holds.",
  "machine": {"pages": 16, "loose": 8, "cpus": 2},
  "at_once": true,
  "prologue": 1,
  "calls": [
    {"lane": 0, "op": "frame_from_unused", "at": 6, "kind": "value8", "value": 5, "to": 7},
    {"lane": 1, "op": "frame_from_in_use", "at": {"outside": "first_beyond_end", "byte": 8}, "to": 3},
    {"lane": 0, "op": "frame_drop", "from": 7}
  ],
  "schedule": [
    {"turn": {"lane": 1, "op": 0, "point": 2}},
    {"failure": {"lane": 0, "op": 0, "point": 1}}
  ]
}
)");
}

TEST(Json, ExpectationsReadBackAsTheyWere) {
  const std::string text = write_trace(small_tour());
  EXPECT_NE(text.find(R"("expect": {"status": "ok", "results": {"was_last": true}, "given": [6]})"),
            std::string::npos)
      << text;
  const auto again = read_trace(text);
  EXPECT_EQ(again.why, "");
  ASSERT_TRUE(again);
  EXPECT_TRUE(*again.value == small_tour());
}

TEST(Json, ATornFileIsRefusedWhereverItIsTorn) {
  const std::string whole = write_trace(small_file());
  const std::size_t end = whole.find_last_of('}');
  for (std::size_t size = 0; size <= end; ++size) {
    const auto read = read_trace(whole.substr(0, size));
    ASSERT_FALSE(read) << size;
    if (size == 0) {
      EXPECT_EQ(read.why, "the file is empty");
    } else {
      EXPECT_NE(read.why.find("the file ends in the midst of things"), std::string::npos)
          << size << ": " << read.why;
    }
  }
}

TEST(Json, WhatWasExpectedIsComparedInEveryPart) {
  const trace::Op op = trace::FrameDrop{};
  trace::Answer right{{.results = {1, 1, 1, 1, 1, 0}}, {}};
  right.choices.given.push(6);
  const trace::Expectation expect = *small_tour().expect;
  EXPECT_EQ(unmet(expect, op, right), "");

  trace::Answer wrong = right;
  wrong.reply = {trace::Status::panicked, trace::Code::last_handle};
  EXPECT_EQ(unmet(expect, op, wrong),
            "the last call must say ok, and says panicked(last_handle) given=6");
  wrong = right;
  wrong.reply.results[0] = 0;
  EXPECT_EQ(unmet(expect, op, wrong), "the last call's was_last must be yes, and is no");
  wrong = right;
  wrong.choices.given = {};
  EXPECT_EQ(unmet(expect, op, wrong),
            "the last call gave other pages to the allocator than it must");
  wrong = right;
  wrong.choices.taken.push(3);
  EXPECT_EQ(unmet(expect, op, wrong), "") << "What is not mentioned may be anything.";
}

struct Refusal {
  std::string text, why;
};

std::string with_call(const std::string& call, const std::string& rest = "") {
  return R"({"format":1,"machine":{"pages":16,"loose":8,"cpus":2},)" + rest +
         R"("calls":[{"lane":0,"op":"frame_drop","from":0},)" + call + "]}";
}
std::string with(const std::string& fields) {
  return R"({"format":1,)" + fields + R"("calls":[]})";
}
const std::string kMachine = R"("machine":{"pages":16,"loose":8,"cpus":2},)";

TEST(Json, WhatIsWrongIsSaidWithItsPlace) {
  const std::string clone = R"({"lane":0,"op":"frame_clone","from":0,"to":1)";
  const std::vector<Refusal> refusals = {
      {"", "the file is empty"},
      {"\n", "line 2, column 1: the file ends in the midst of things"},
      {"nonsense", "line 1, column 2: not JSON"},
      {"\x7f"
       "ELF\x02\x01",
       "line 1, column 1: not JSON"},
      {"{\"form\xff", "line 1, column 7: not UTF-8"},
      {"[]", "must be an object, and is a list"},
      {"7", "must be an object, and is a number"},
      {"null", "must be an object, and is null"},
      {"{}", "the field \"format\" is missing"},
      {std::string(100'000, '['), "nested more than 32 deep"},
      {R"({"format":2,"anything":"goes"})",
       "format 2 is newer than this program reads, which is 1"},
      {R"({"format":0})",
       "format: must be a whole number from 1 to 18446744073709551615, and is 0"},
      {R"({"format":"1"})",
       "format: must be a whole number from 1 to 18446744073709551615, and is a string"},
      {R"({"format":1,"format":1})", "the field \"format\" appears twice"},
      {with(""), "the field \"machine\" is missing"},
      {with(R"("machine":{"pages":1,"loose":1,"cpus":1},)"),
       "machine.pages: must be a whole number from 2 to 128, and is 1"},
      {with(R"("machine":{"pages":9,"loose":9,"cpus":1},)"),
       "machine.loose: must be a whole number from 1 to 8, and is 9"},
      {with(R"("machine":{"pages":9,"loose":1,"cpus":1e400},)"),
       "line 1, column 55: a number that no field can hold"},
      {with(kMachine + R"("scheduel":[],)"), "there is no field \"scheduel\" here"},
      {with(kMachine + R"("prologue":1,)"), "prologue: is 1, and there are only 0 calls"},
      {with(kMachine + R"("at_once":1,)"), "at_once: must be true or false, and is a number"},
      {with(kMachine + R"("schedule":[{"turn":{"lane":4,"op":0,"point":0}}],)"),
       "schedule[0].turn.lane: must be a whole number from 0 to 3, and is 4"},
      {with(kMachine + R"("schedule":[{"trun":{}}],)"),
       "schedule[0]: there is no field \"trun\" here"},
      {with(kMachine + R"("why":["a","b"],)"), "why: must be a string, and is a list"},
      {with(kMachine + R"("expect":{"status":"ok"},)"),
       "expect: there is no call of which to expect something"},
      {with(kMachine + R"("at_once":true,"expect":{"status":"ok"},)"),
       "expect: of calls that go at once none is the last"},
      {with_call("3"), "calls[1]: must be an object, and is a number"},
      {with_call(R"({"op":"frame_clone","from":0,"to":1})"),
       "calls[1]: the field \"lane\" is missing"},
      {with_call(R"({"lane":4,"op":"frame_clone","from":0,"to":1})"),
       "calls[1].lane: must be a whole number from 0 to 3, and is 4"},
      {with_call(R"({"lane":0,"op":"frame_cloned"})"),
       "calls[1].op: \"frame_cloned\" is not the name of an operation"},
      {with_call(R"({"lane":0,"op":7})"),
       "calls[1].op: must be the name of an operation, and is a number"},
      {with_call(R"({"lane":0,"op":"frame_clone","from":0})"),
       "calls[1]: the field \"to\" is missing"},
      {with_call(clone + R"(,"tow":2})"), "calls[1]: there is no field \"tow\" here"},
      {with_call(clone + R"(,"to":2})"), "the field \"to\" appears twice"},
      {with_call(R"({"lane":0,"op":"frame_clone","from":8,"to":1})"),
       "calls[1].from: must be a whole number from 0 to 7, and is 8"},
      {with_call(R"({"lane":0,"op":"frame_clone","from":-1,"to":1})"),
       "calls[1].from: must be a whole number from 0 to 7, and is -1"},
      {with_call(R"({"lane":0,"op":"frame_clone","from":0.5,"to":1})"),
       "calls[1].from: must be a whole number from 0 to 7"},
      {with_call(R"({"lane":0,"op":"frame_clone","from":18446744073709551616,"to":1})"),
       "calls[1].from: must be a whole number from 0 to 7"},
      {with_call(R"({"lane":0,"op":"frame_clone","from":null,"to":1})"),
       "calls[1].from: must be a whole number from 0 to 7, and is null"},
      {with_call(R"({"lane":0,"op":"frame_count_preload","from":0,"more":65532})"),
       "calls[1].more: must be below 65532, or 2^52, 2^63 - 3, 2^63 or 2^64 - 1, and is 65532"},
      {with_call(R"({"lane":0,"op":"frame_try_from","from":0,"kind":"value9"})"),
       "calls[1].kind: \"value9\" is not the name of a kind of metadata"},
      {with_call(R"({"lane":0,"op":"frame_from_in_use","at":"here","to":1})"),
       R"(calls[1].at: must be a page's number, {"page": ...} or {"outside": ...})"},
      {with_call(R"({"lane":0,"op":"frame_from_in_use","at":65280,"to":1})"),
       "calls[1].at: must be a whole number from 0 to 65279, and is 65280"},
      {with_call(R"({"lane":0,"op":"frame_from_in_use","at":{"page":1,"byte":2},"to":1})"),
       "calls[1].at.byte: must be 0, 1, 8, 63, 2048 or 4095, and is 2"},
      {with_call(R"({"lane":0,"op":"frame_from_in_use","at":{"outside":"mars"},"to":1})"),
       "calls[1].at.outside: \"mars\" is not the name of a place outside the machine"},
      {with_call(R"({"lane":0,"op":")" + std::string(100, 'x') + "\"}"),
       "calls[1].op: \"" + std::string(40, 'x') + "\"... is not the name of an operation"},
      {with_call(R"({"lane":0,"op":"segment_split","from":0,"at":4097,"to":1})"),
       "calls[1].at: must be a multiple of 4096 below 65532 * 4096, or 2^63 - 4096, 2^63, "
       "2^64 - 8192 or 2^64 - 4096, and is 4097"},
      {with_call(R"({"lane":0,"op":"segment_split","from":0,"at":{"bytes":4096,"byte":7},"to":1})"),
       "calls[1].at.byte: must be 0, 1, 8, 63, 2048 or 4095, and is 7"},
      {with_call(R"({"lane":0,"op":"alloc_block","pages":1,"align":8,"to":1})"),
       "calls[1].align: must be a whole number from 0 to 7, and is 8"},
      {with_call(R"({"lane":0,"op":"boot_init_meta","usable_only":1})"),
       "calls[1].usable_only: must be true or false, and is a number"},
      {with_call(R"({"lane":0,"op":"boot_add_region","at":0,"length":4096,"type":"good"})"),
       "calls[1].type: \"good\" is not the name of a type of memory region"},
      {with_call(R"({"lane":0,"op":"a\nb\u0000"})"),
       "calls[1].op: \"a\\nb\\u0000\" is not the name of an operation"},
      {with_call(clone + "}", R"("expect":{"status":"fine"},)"),
       "expect.status: \"fine\" is not the name of a status"},
      {with_call(clone + "}", R"("expect":{"status":"ok","results":{"was_last":true}},)"),
       "expect.results.was_last: frame_clone has no such result"},
  };
  for (const Refusal& refusal : refusals) {
    const auto read = read_trace(refusal.text);
    EXPECT_FALSE(read) << refusal.text.substr(0, 200);
    EXPECT_EQ(read.why, refusal.why) << refusal.text.substr(0, 200);
  }
}

TEST(Json, LimitsAreKept) {
  std::string many = R"({"format":1,"calls":[0)";
  for (std::size_t i = 0; i < trace::kMostElements; ++i) many += ",0";
  EXPECT_EQ(read_trace(many + "]}").why, "a list of more than 1000000 things");

  std::string wide = "{";
  for (int i = 0; i < 1000; ++i) wide += "\"" + std::to_string(i) + "\":0,";
  EXPECT_EQ(read_trace(wide + "\"x\":0}").why, "an object with more than 64 fields");
  EXPECT_EQ(read_trace(with(kMachine + R"("why":")" + std::string(5000, 'x') + "\",")).why,
            "why: must be at most 4000 bytes long");
}

TEST(Json, AReportIsReadForItsTrace) {
  const trace::TraceFile file = small_file();
  const trace::Json report = {{"format", 1},
                              {"system", "mm"},
                              {"trace", json_of(file.trace)},
                              {"diverged", {{"sentence", "Counts are right."}}}};
  const auto read = read_trace(trace::pretty(report));
  ASSERT_TRUE(read) << read.why;
  EXPECT_TRUE(read.value->is_report);
  EXPECT_TRUE(read.value->trace == file.trace);
  EXPECT_EQ(read.value->why, "Counts are right.");
}

}  // namespace
