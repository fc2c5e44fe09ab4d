// SPDX-License-Identifier: MPL-2.0
// Ids of laws mean something: each that is cited anywhere is a law, or one that the reference's
// page says will come; and that page says of each law what the law says of itself.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <set>
#include <sstream>

#include "check/compare.h"
#include "reference/laws.h"

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PAGETWIN_ROOT;

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Numbers begin at 1: tests may write INV-0 for an id that is none. Of the sections of the domain's
// description these are laws.
const std::regex kId(R"(\b((INV|PRE|POST)-[1-9][0-9]*|B\.(9|10|11)|C\.8)\b)");

std::set<std::string> ids_in(const std::string& text) {
  std::set<std::string> ids;
  for (std::sregex_iterator at(text.begin(), text.end(), kId), end; at != end; ++at) {
    ids.insert(at->str());
  }
  return ids;
}

// The ids of a line like "| INV-20, POST-13 to POST-18 | segments |".
std::set<std::string> ids_of_row(const std::string& line) {
  static const std::regex range(R"((INV|PRE|POST)-([0-9]+) to (INV|PRE|POST)-([0-9]+))");
  std::set<std::string> ids = ids_in(line);
  for (std::sregex_iterator at(line.begin(), line.end(), range), end; at != end; ++at) {
    for (int number = std::stoi((*at)[2]); number <= std::stoi((*at)[4]); ++number) {
      ids.insert((*at)[1].str() + '-' + std::to_string(number));
    }
  }
  return ids;
}

std::set<std::string> ids_to_come(const std::string& readme) {
  const std::size_t from = readme.find("### Laws of families that are not here yet");
  const std::size_t to = readme.find("\n## ", from);
  std::istringstream section(readme.substr(from, to - from));
  std::set<std::string> ids;
  for (std::string line; std::getline(section, line);) ids.merge(ids_of_row(line));
  return ids;
}

// The cited ids that are neither laws nor to come.
std::set<std::string> unknown(const std::set<std::string>& cited,
                              const std::set<std::string>& to_come) {
  std::set<std::string> ids;
  for (const std::string& id : cited) {
    if (reference::law_of(id.c_str()) == nullptr && !to_come.contains(id)) ids.insert(id);
  }
  return ids;
}

TEST(Ids, EachThatIsCitedIsALawOrWillBe) {
  const std::set<std::string> to_come = ids_to_come(text_of(kRoot / "reference/README.md"));
  int files = 0;
  for (const char* folder : {"trace", "impl", "reference", "check", "props", "fuzz", "corpus"}) {
    for (const fs::path& file : fs::recursive_directory_iterator(kRoot / folder)) {
      // The tests of this folder name an id that is none.
      if (!fs::is_regular_file(file) || file.parent_path() == kRoot / "props/laws") continue;
      for (const std::string& id : unknown(ids_in(text_of(file)), to_come)) {
        ADD_FAILURE() << fs::relative(file, kRoot).string() << " cites " << id;
      }
      ++files;
    }
  }
  EXPECT_GT(files, 50);
}

TEST(Ids, ThatAreNoneAreNoticed) {
  const std::set<std::string> to_come = ids_of_row("| INV-20, POST-13 to POST-15 | segments |");
  EXPECT_EQ(to_come, (std::set<std::string>{"INV-20", "POST-13", "POST-14", "POST-15"}));
  EXPECT_EQ(unknown(ids_in("// INV-13, POST-14 and INV-99; PRE-11; B.3, B.9 and B.12."), to_come),
            (std::set<std::string>{"INV-99", "PRE-11"}));
  EXPECT_EQ(ids_in("B.3, B.9 and B.12, B.10."), (std::set<std::string>{"B.9", "B.10"}));
}

TEST(Ids, OfOperationsAreLawsOfSteps) {
  for (std::size_t index = 0; index < trace::kOpCount; ++index) {
    const trace::Op op = trace::blank_op(index);
    const reference::Law* const law = reference::law_of(trace::law_of(op));
    ASSERT_NE(law, nullptr) << trace::name_of(op);
    EXPECT_NE(law->of_step, nullptr) << trace::name_of(op) << " cites " << law->id;
  }
}

TEST(Ids, StandInTheReadmeWithTheirSentences) {
  const std::string readme = text_of(kRoot / "reference/README.md");
  const std::set<std::string> to_come = ids_to_come(readme);
  for (const reference::Law& law : reference::laws()) {
    const std::string row = std::string("| ") + law.id + " | " + law.sentence + " | `";
    EXPECT_NE(readme.find(row), std::string::npos) << law.id;
    EXPECT_FALSE(to_come.contains(law.id)) << law.id << " is here already.";
  }
}

TEST(Ids, HaveThePredicatesThatTheReadmeNames) {
  const std::string readme = text_of(kRoot / "reference/README.md");
  const std::string declared = text_of(kRoot / "reference/laws.h");
  static const std::regex row(R"(\| (INV-|PRE-|POST-|[BCD]\.|L)[0-9]+ \|[^|]*\|([^|]*)\|)");
  static const std::regex named("`([a-z_]+)`");
  std::size_t count = 0;
  for (std::sregex_iterator at(readme.begin(), readme.end(), row), end; at != end; ++at) {
    const std::string names = (*at)[2];
    for (std::sregex_iterator name(names.begin(), names.end(), named); name != end; ++name) {
      EXPECT_NE(declared.find("bool " + (*name)[1].str() + "("), std::string::npos) << name->str();
      ++count;
    }
  }
  EXPECT_GE(count, reference::laws().size());
}

}  // namespace
