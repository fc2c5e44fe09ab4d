// SPDX-License-Identifier: MPL-2.0
// Reports: the text keeps its shape whatever it is about, and says what differs; the JSON reads
// back as it was; files are written whole or not at all.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sstream>
#include <sys/stat.h>

#include "check/compare.h"
#include "check/report/files.h"
#include "check/report/write.h"

namespace {

using check::Report;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

template <class Enum>
Enum any_of(const auto& names) {
  return static_cast<Enum>(*rc::gen::inRange<std::size_t>(0, names.size()));
}

std::uint64_t any_number() {
  return *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(),
                         rc::gen::inRange<std::uint64_t>(0, 64));
}

trace::Answer any_answer() {
  trace::Answer answer;
  answer.reply.status = any_of<trace::Status>(trace::kStatusNames);
  answer.reply.code = any_of<trace::Code>(trace::kCodeNames);
  for (auto& result : answer.reply.results) result = any_number();
  const std::size_t given = *rc::gen::inRange<std::size_t>(0, 80);
  for (std::size_t i = 0; i < given; ++i) answer.choices.given.push(any_number() % 65536);
  return answer;
}

check::Facts any_facts() {
  return *rc::gen::container<check::Facts>(rc::gen::exec([]() -> trace::Fact {
    switch (*rc::gen::inRange(0, 9)) {
      case 0: return trace::PageFree{any_number() % 64};
      case 1: return trace::PageLinked{any_number() % 64, any_number(), any_number() % 64};
      case 2: return trace::FreeBlock{any_number() % 64, any_number() % 9, any_number() % 14};
      case 3: return trace::TableNode{any_number() % 64, any_number() % 5, any_number(), 0, 1};
      case 4: return trace::ActiveOn{any_number() % 64, any_number()};
      case 5: return trace::Mapped{any_number() % trace::kMostTables, {any_number()}, any_number()};
    }
    trace::PageInUse fact{.page = any_number() % 64,
                          .use = any_of<trace::Use>(trace::kUseNames),
                          .count = any_number(),
                          .in_list = any_number(),
                          .kind = {any_of<trace::KindName>(trace::kKindNames)},
                          .usage = any_of<trace::Usage>(trace::kUsageNames)};
    for (auto& word : fact.words) word = any_number();
    return fact;
  }));
}

// Text of any length, in any characters.
std::string any_text() {
  const auto parts = *rc::gen::scale(
      4.0, rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
               "a", " ", "word ", "\xe2\x87\x92", "\n", "longer_than_most_words_are", "\t", "\"",
               "\\", "(INV-13)")));
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

Report any_report() {
  Report report{.system = any_text(), .property = any_text(), .seed = any_number()};
  const auto bytes = *rc::gen::scale(*rc::gen::element(1.0, 30.0),
                                     rc::gen::arbitrary<std::vector<std::uint8_t>>());
  report.trace = trace::decode(bytes);
  if (report.trace.at_once) {
    report.trace.schedule = *rc::gen::container<std::vector<trace::Choice>>(rc::gen::exec([] {
      return trace::Choice{
          *rc::gen::element(trace::Choice::What::turn, trace::Choice::What::failure),
          {*rc::gen::inRange<std::uint8_t>(0, trace::Cpu::kMost),
           *rc::gen::inRange<std::uint32_t>(0, 9), *rc::gen::arbitrary<std::uint32_t>()}};
    }));
  }
  report.shrunk = {any_number(), any_number(), any_number()};
  report.diverged = {.oracle = any_of<check::Oracle>(check::kOracleNames),
                     .step = any_number(),
                     .law = *rc::gen::element<std::string>("INV-13", "POST-1", ""),
                     .missing = any_facts(),
                     .unexpected = any_facts()};
  report.sentence = any_text();
  for (const trace::Call& call : report.trace.calls) {
    if (*rc::gen::inRange(0, 5) == 0) continue;  // Passed over.
    report.steps.push_back({call, any_answer(), any_answer()});
    switch (*rc::gen::inRange(0, 3)) {
      case 0: report.steps.back().expected = report.steps.back().seen; break;
      case 1: report.steps.back().expected = {{.status = trace::Status::declined}, {}}; break;
    }
  }
  if (!report.trace.calls.empty()) report.diverged.step %= report.trace.calls.size();
  report.diverged.step %= 1000;
  return report;
}

// Columns as a terminal counts them.
std::size_t columns(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char byte) { return (byte & 0xc0) != 0x80; }));
}

RC_GTEST_PROP(Report, TextKeepsItsShapeWhateverItIsAbout, ()) {
  const Report report = any_report();
  const std::string text = check::text_report(report, "report.json");
  const auto lines = lines_of(text);
  RC_CLASSIFY(report.trace.at_once, "at once");
  RC_CLASSIFY(lines.size() == check::kReportLines, "full");
  RC_ASSERT(text.ends_with('\n'));
  RC_ASSERT(lines.size() <= check::kReportLines);
  for (const std::string& line : lines) {
    RC_ASSERT(columns(line) <= check::kReportColumns);
    for (const char byte : line) RC_ASSERT(static_cast<unsigned char>(byte) >= ' ');
  }
  RC_ASSERT(!lines.front().empty());
  if (!report.diverged.law.empty()) {
    RC_ASSERT(lines.front().find(report.diverged.law) != std::string::npos);
  }
  RC_ASSERT(lines.back() == "./pagetwin replay report.json");
}

// The operation that diverged is always there, with both answers if they differ.
RC_GTEST_PROP(Report, TextShowsTheStepThatDiverged, ()) {
  Report report = any_report();
  RC_PRE(!report.steps.empty());
  report.trace.at_once = false;
  report.trace.prologue = 0;
  report.trace.schedule.clear();
  report.trace.calls.clear();
  for (const check::Step& step : report.steps) report.trace.calls.push_back(step.call);
  report.diverged.step = report.steps.size() - 1;
  report.steps.back().seen.reply.status = trace::Status::ok;
  report.steps.back().expected.reply.status = trace::Status::busy;
  const std::string text = check::text_report(report, "report.json");
  const std::string mark =
      std::to_string(report.steps.size()) + "  cpu" +
      std::to_string(report.trace.machine.lane(report.steps.back().call.lane)) + ' ' +
      name_of(report.steps.back().call.op);
  RC_ASSERT(text.find(mark) != std::string::npos);
  RC_ASSERT(text.find("expected  busy") != std::string::npos);
  RC_ASSERT(text.find("seen      ok") != std::string::npos);
}

RC_GTEST_PROP(Report, JsonReadsBackAsItWas, ()) {
  const Report report = any_report();
  const std::string json = check::json_report(report, "report.json");
  const auto again = check::read_report(json);
  RC_ASSERT(again.why == "");
  RC_ASSERT(again.value->trace == report.trace);
  RC_ASSERT(again.value->steps.size() == report.steps.size());
  RC_ASSERT(check::json_report(*again.value, "report.json") == json);
  if (const char* const folder = std::getenv("PAGETWIN_SAMPLES")) {  // For the schema's test.
    static int samples = 0;
    std::ofstream(std::string(folder) + '/' + std::to_string(samples++) + ".report.json") << json;
  }
  RC_ASSERT(check::text_report(*again.value, "r.json") == check::text_report(report, "r.json"));
}

Report small_report() {
  Report report{.system = "mm on hosted", .property = "frames agree", .seed = 86861095};
  report.trace.calls = {{{0}, trace::FrameFromUnused{{6, 0}, {trace::KindName::value8}, {5}, {7}}},
                        {{0}, trace::FrameClone{{7}, {3}}},
                        {{0}, trace::FrameDrop{{3}}}};
  report.shrunk = {212, 3, 97};
  for (const trace::Call& call : report.trace.calls) report.steps.push_back({call, {}, {}});
  report.diverged = {.oracle = check::Oracle::facts, .step = 2, .law = "INV-13"};
  trace::PageInUse page{.page = 6,
                        .use = trace::Use::shared,
                        .count = 1,
                        .kind = {trace::KindName::value8},
                        .usage = trace::Usage::frame,
                        .words = {5}};
  report.diverged.missing = {page};
  page.count = 2;
  report.diverged.unexpected = {page};
  report.sentence = "The count of a frame is the number of its handles.";
  return report;
}

TEST(Report, ASmallOneReadsLikeAPage) {
  const Report report = small_report();
  EXPECT_EQ(check::text_report(report, "report.json"),
            check::what_is_wrong(report.diverged, report.steps.back()) + R"(
    INV-13: The count of a frame is the number of its handles.

Found by "frames agree" in mm on hosted, seed 86861095. Shrunk from 212 operations to 3 in 97 tries.
The machine has 16 pages, of which the first 8 are loose (never the allocator's), and 2 CPUs.

Asked, in this order, and answered (f, u, r: registers of shared and unique handles, raw counts):
     1  cpu0 frame_from_unused at=page6 kind=value8 value=5 to=f7 -> ok
     2  cpu0 frame_clone from=f7 to=f3 -> ok
 >   3  cpu0 frame_drop from=f3 -> ok was_last=no on_drops=0 destroyed=0 claim=ok join=ok sum=0

After operation 3 the states differ:
        page 6: count expected 1, seen 2

./pagetwin replay report.json
)");
}

TEST(Report, WhatIsWrongWithATableIsShown) {
  using trace::Rights;
  Report report = small_report();
  trace::Mapped page{
      .table = trace::number_of(1, {0}), .at = {0x7000}, .bytes = 4096, .to = {0x2000}};
  trace::Mapped other = page;
  other.property.rights = {Rights::kReadable | Rights::kAccessed};
  page.property.rights = {Rights::kReadable};
  const trace::Mapped added{.table = 0, .at = {0x1000}, .bytes = 4096, .to = {0x3000}};
  report.diverged.missing = {trace::TableNode{4, 1, 2, 0, 0}, page};
  report.diverged.unexpected = {trace::TableNode{4, 1, 1, 0, 0}, added, other,
                                trace::ActiveOn{4, 2}};
  const std::string text = check::text_report(report, "report.json");
  EXPECT_NE(text.find(R"(
        page 4: children expected 2, seen 1; expected active on no CPU; seen cpus=2
        kernel at 0x1000: expected nothing mapped; seen bytes=4096 to=0x3000 property=none tracked=0
        cpu1 t0 at 0x7000: property expected readable, seen readable+accessed
)"),
            std::string::npos)
      << text;
}

TEST(Report, ResultsOfAnErrorAreShownIfItHasAny) {
  Report report = small_report();
  report.steps.back().seen.reply.status = trace::Status::busy;
  report.steps.back().expected = report.steps.back().seen;
  report.steps.back().seen.reply.results[2] = 4;
  const std::string text = check::text_report(report, "report.json");
  EXPECT_NE(text.find("expected  busy\n"), std::string::npos) << text;
  EXPECT_NE(text.find("seen      busy was_last=no on_drops=0 destroyed=4"), std::string::npos)
      << text;
}

// A text as one line: where it is folded does not matter.
std::string unfolded(const std::string& text) {
  std::istringstream in(text);
  std::string line, word;
  while (in >> word) line += word + ' ';
  return line;
}

TEST(Report, RegistersAreExplainedIfTheyOccur) {
  Report report = small_report();
  report.trace.calls.push_back({{0}, trace::SegmentIntoRaw{{0}, {1}}});
  report.trace.calls.push_back({{0}, trace::AllocGiveBlock{{2}}});
  const std::string text = unfolded(check::text_report(report, "report.json"));
  EXPECT_NE(
      text.find("raw counts; s: segments; w: raw counts of segments; b: blocks of pages): 1 "),
      std::string::npos)
      << text;
}

TEST(Report, FreeBlocksAndNeighboursAreShown) {
  Report report = small_report();
  report.diverged = {.oracle = check::Oracle::facts, .step = 2, .law = "B.10"};
  report.diverged.unexpected = {trace::FreeBlock{8, 4, trace::kFirstCache},
                                trace::FreeBlock{10, 2, trace::kGlobalPool}};
  const std::string blocks = check::text_report(report, "report.json");
  EXPECT_NE(blocks.find("        the allocator keeps pages 8 to 11 in cpu0's cache\n"
                        "        the allocator keeps pages 10 to 11 in the pool of all CPUs\n"),
            std::string::npos)
      << blocks;
  report.diverged.missing = {trace::PageLinked{.page = 6, .next = 7}};
  report.diverged.unexpected = {trace::PageLinked{.page = 6, .prev = 7}};
  const std::string links = unfolded(check::text_report(report, "report.json"));
  EXPECT_NE(links.find("page 6: next in its list expected page 7, seen none; "
                       "previous in its list expected none, seen page 7 "),
            std::string::npos)
      << links;
}

TEST(Report, TurnsAreToldByTheNumbersOfOperations) {
  Report report = small_report();
  report.trace.at_once = true;
  report.trace.prologue = 1;
  report.trace.calls[2].lane.index = 1;
  report.steps[2].call.lane.index = 1;
  report.trace.schedule = {{trace::Choice::What::turn, {1, 0, 2}},
                           {trace::Choice::What::failure, {0, 0, 0}},
                           {trace::Choice::What::turn, {0, 1, 0}}};
  const std::string text = check::text_report(report, "report.json");
  EXPECT_NE(text.find(R"(
     1  cpu0 frame_from_unused at=page6 kind=value8 value=5 to=f7 -> ok
        at once, in the order in which they began:
     2  cpu0 frame_clone from=f7 to=f3 -> ok
)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(
        cpu1 goes until it is about to make atomic access 3 of operation 3
        cpu0: the weak compare-exchange at atomic access 1 of operation 2 fails
        cpu0 goes to its end
)"),
            std::string::npos)
      << text;
}

TEST(Report, WhatHangsIsSaidNotToHaveEnded) {
  Report report = small_report();
  report.trace.at_once = true;
  report.diverged = {.oracle = check::Oracle::deadlock, .law = "INV-6"};
  report.steps[2].expected = report.steps[2].seen = {{.status = trace::Status::declined}, {}};
  const std::string text = check::text_report(report, "report.json");
  EXPECT_NE(text.find("3  cpu0 frame_drop from=f3 -> did not end\n"), std::string::npos) << text;
}

TEST(Report, ACommandIsOneWordForAShellWhateverTheFileIsCalled) {
  const std::vector<std::string> names = {"report.json", "a b.json",      "it's.json",    "-o",
                                          "$HOME",       "a\nb\\c'd\x01", "\xc3\xa4.json"};
  for (const std::string& name : names) {
    const std::string command = check::replay_command(name);
    EXPECT_EQ(command.find('\n'), std::string::npos);
    // The shell's own opinion of what the last word is.
    const std::string script = "set -- " + command.substr(std::string("./pagetwin ").size()) +
                               "; test $# = 2; printf %s \"$2\"";
    std::ofstream("report_test.sh") << script;
    FILE* const shell = popen("bash report_test.sh", "r");
    ASSERT_NE(shell, nullptr);
    std::string word;
    for (int byte = 0; (byte = fgetc(shell)) != EOF;) word += static_cast<char>(byte);
    pclose(shell);
    EXPECT_EQ(word, name == "-o" ? "./-o" : name) << command;
  }
  std::filesystem::remove("report_test.sh");
}

class Files : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string read(const std::string& name) {
    std::ostringstream all;
    all << std::ifstream(name).rdbuf();
    return all.str();
  }

  const std::string folder_ =
      std::filesystem::temp_directory_path() / ("pagetwin-files-" + std::to_string(::getpid()));
};

TEST_F(Files, AreReplacedWholeAndLeaveNothingBehind) {
  const std::string name = folder_ + "/a";
  EXPECT_EQ(check::store_file(name, "old"), "");
  EXPECT_EQ(check::store_file(name, "new"), "");
  EXPECT_EQ(read(name), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);

  std::filesystem::create_symlink(name, folder_ + "/link");
  EXPECT_EQ(check::store_file(folder_ + "/link", "newer"), "");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ + "/link"));
  EXPECT_EQ(read(name), "newer");
}

TEST_F(Files, ThatCannotBeWrittenAreOneSentence) {
  EXPECT_EQ(check::store_file(folder_, "x"), "cannot be written: it is a directory");
  EXPECT_EQ(check::store_file(folder_ + "/none/a", "x"),
            "cannot be written: No such file or directory");
  EXPECT_EQ(check::store_file("/dev/full", "x"), "cannot be written: No space left on device");
  EXPECT_EQ(check::store_file("/dev/null", "x"), "");
  struct stat status {};
  ASSERT_EQ(::stat("/dev/null", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode)) << "A device stays one.";
}

TEST_F(Files, ThatCannotBeReadAreOneSentence) {
  EXPECT_EQ(check::load_file(folder_).why, "is a directory");
  EXPECT_EQ(check::load_file(folder_ + "/none").why, "cannot be opened: No such file or directory");
  EXPECT_EQ(check::load_file("/dev/zero").why, "is larger than 256 MiB");
  EXPECT_EQ(check::load_file("/dev/null").value, "");
}

TEST_F(Files, AReportThatCannotBeWrittenIsShownInstead) {
  const Report report = small_report();
  std::ostringstream errors;
  EXPECT_TRUE(check::store_report(report, folder_ + "/r.json", folder_ + "/r.txt", errors));
  EXPECT_EQ(errors.str(), "");
  EXPECT_EQ(read(folder_ + "/r.json"), check::json_report(report, folder_ + "/r.json"));
  EXPECT_EQ(read(folder_ + "/r.txt"), check::text_report(report, folder_ + "/r.json"));

  EXPECT_FALSE(check::store_report(report, "/dev/full", folder_ + "/r.txt", errors));
  EXPECT_EQ(errors.str(), "/dev/full: cannot be written: No space left on device\n\n" +
                              check::text_report(report, "/dev/full"));
}

}  // namespace
