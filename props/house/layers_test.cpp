// SPDX-License-Identifier: MPL-2.0
// The shape of the repository is a property too: who may include whom, that what a guest runs needs
// no library, and that impl/ has no mutable variable but mm::Globals.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PAGETWIN_ROOT;

// Each layer, and the layers it may include besides itself and its own subfolders that are none.
const std::set<std::string> kAll = {
    "trace",          "impl",           "impl/hosted",   "reference",     "check",
    "check/bind",     "check/cli",      "check/explore", "check/machine", "check/report",
    "check/systems",  "props",          "props/gen",     "props/zoo",     "props/concurrent",
    "baremetal/host", "baremetal/agent"};
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"trace", {}},
    {"impl", {}},
    {"impl/hosted", {"impl", "check/machine"}},  // Joins the two; no other folder of impl/ may.
    {"reference", {"trace"}},
    {"check", {"trace"}},
    {"check/machine", {}},
    {"check/bind", {"trace", "impl"}},
    {"check/explore", {"trace", "check", "check/report", "check/machine", "impl/hosted"}},
    {"check/report", {"trace", "check"}},
    {"check/systems", {"trace", "check", "check/bind", "check/explore", "impl/hosted"}},
    {"check/cli", kAll},
    {"props", kAll},
    {"props/gen", kAll},
    {"props/zoo", kAll},
    {"props/concurrent", kAll},
    {"props/house",
     {"trace", "impl", "impl/hosted", "check/machine", "check/bind", "check/systems"}},
    {"fuzz", kAll},
    {"baremetal/boot", {"impl", "baremetal/x86_64"}},
    {"baremetal/runtime", {"impl", "baremetal/x86_64"}},
    {"baremetal/x86_64", {"impl"}},
    {"baremetal/agent",
     {"trace", "impl", "check/bind", "baremetal/boot", "baremetal/runtime", "baremetal/x86_64"}},
    {"baremetal/host", {"trace", "check", "baremetal/agent"}},  // The guest, seen from outside.
};

// What needs no runtime, and is all of the standard library that a guest has.
const std::set<std::string> kFreestanding = {
    "array",       "atomic",  "bit",     "compare",   "concepts",    "cstddef",
    "cstdint",     "limits",  "new",     "optional",  "span",        "tuple",
    "type_traits", "utility", "variant", "algorithm", "string_view", "initializer_list"};
bool is_in_the_guest(const std::string& layer) {
  return layer.starts_with("baremetal/") && layer != "baremetal/host";
}
bool must_be_freestanding(const std::string& layer, const std::string& name) {
  static const std::set<std::string> hosted = {"trace/text.h", "trace/trace.h"};
  if (layer == "trace") return !hosted.contains(name) && !name.starts_with("trace/json");
  return layer == "impl" || layer == "check/bind" || is_in_the_guest(layer);
}

// The innermost layer that a path from the root lies in; none if it is outside them all.
std::string layer_of(const std::string& path) {
  std::string innermost;
  for (const auto& [layer, others] : kMayInclude) {
    if (path.starts_with(layer + '/') && layer.size() > innermost.size()) innermost = layer;
  }
  return innermost;
}

bool is_variable(const std::string& line) {
  if (line.find("constexpr") != std::string::npos) return false;
  // Static members and the like, wherever they stand; and anything else at namespace scope, which
  // is not indented.
  static const std::regex marked(R"(^\s*(static|inline|thread_local|constinit)\s[^()]*[;={])");
  static const std::regex plain(
      R"re(^(?!using |struct |class |enum |union |template |concept |friend |return ))re"
      R"re((?!namespace |const ))re"
      R"re([A-Za-z_][\w:<>,* ]*[\s*]\w+(\[[^\]]*\])*\s*(=[^=].*|\{[^}]*\})?;)re");
  return std::regex_search(line, marked) || std::regex_search(line, plain);
}

std::vector<std::string> faults_in(const std::string& name, std::istream& text) {
  static const std::regex ours(R"re(^\s*#\s*include\s+"([^"]+)")re");
  static const std::regex library(R"(^\s*#\s*include\s+<([^>]+)>)");
  const std::string from = layer_of(name);
  std::vector<std::string> faults;
  int number = 0;
  auto complain = [&](const std::string& what) {
    faults.push_back(name + ':' + std::to_string(number) + ": " + what);
  };
  for (std::string line; std::getline(text, line);) {
    ++number;
    std::smatch match;
    if (std::regex_search(line, match, ours)) {
      const std::string to = layer_of(match[1]);
      if (to.empty()) {
        complain("is not written from the root: " + match.str(1));
      } else if (to != from && !kMayInclude.at(from).contains(to)) {
        complain(from + " may not include " + match.str(1));
      }
    }
    if (std::regex_search(line, match, library) && must_be_freestanding(from, name) &&
        !kFreestanding.contains(match[1])) {
      complain("a guest has no <" + match.str(1) + ">");
    }
    if (from == "impl" && is_variable(line)) {
      complain("impl/ has no mutable variable but mm::Globals");
    }
  }
  return faults;
}

bool is_source(const fs::path& file) {
  static const std::set<std::string> kinds = {".h", ".inl", ".cpp", ".c", ".S"};
  return fs::is_regular_file(file) && kinds.contains(file.extension().string());
}

TEST(Layers, EveryFileKeepsToItsOwn) {
  std::map<std::string, int> seen;
  for (auto entry = fs::recursive_directory_iterator(kRoot); entry != fs::end(entry); ++entry) {
    const std::string name = fs::relative(entry->path(), kRoot).generic_string();
    if (name.starts_with('.') || name == "build") {
      entry.disable_recursion_pending();
    } else if (is_source(entry->path())) {
      const std::string layer = layer_of(name);
      ASSERT_NE(layer, "") << name << " lies in no layer";
      ++seen[layer];
      std::ifstream text(entry->path());
      for (const std::string& fault : faults_in(name, text)) ADD_FAILURE() << fault;
    }
  }
  for (const auto& [layer, others] : kMayInclude) EXPECT_GT(seen[layer], 0) << layer;
}

std::size_t count_faults(const std::string& name, const std::string& text) {
  std::istringstream in(text);
  return faults_in(name, in).size();
}

TEST(Layers, AForbiddenIncludeIsSeen) {
  EXPECT_EQ(count_faults("impl/frame/x.h", "#include \"trace/op.h\"\n"), 1u);
  EXPECT_EQ(count_faults("impl/frame/x.h", "#include \"check/machine/memory.h\"\n"), 1u);
  EXPECT_EQ(count_faults("impl/hosted/x.h", "#include \"check/machine/memory.h\"\n"), 0u);
  EXPECT_EQ(count_faults("reference/x.cpp", "#include \"impl/base/types.h\"\n"), 1u);
  EXPECT_EQ(count_faults("check/x.h", "#include \"check/bind/system.h\"\n"), 1u);
  EXPECT_EQ(count_faults("check/machine/x.h", "  # include \"trace/op.h\"\n"), 1u);
  EXPECT_EQ(count_faults("trace/x.h", "#include \"x.h\"\n"), 1u);
  EXPECT_EQ(count_faults("props/house/x.cpp", "#include \"reference/model.h\"\n"), 1u);
  EXPECT_EQ(count_faults("baremetal/x86_64/x.h", "#include \"trace/op.h\"\n"), 1u);
  EXPECT_EQ(count_faults("baremetal/agent/x.h", "#include \"check/systems/mm.h\"\n"), 1u);
  EXPECT_EQ(count_faults("baremetal/host/x.cpp", "#include \"check/bind/system.h\"\n"), 1u);
}

TEST(Layers, ALibraryThatAGuestHasNotIsSeen) {
  EXPECT_EQ(count_faults("impl/frame/x.h", "#include <vector>\n"), 1u);
  EXPECT_EQ(count_faults("check/bind/x.h", "#include <memory>\n"), 1u);
  EXPECT_EQ(count_faults("trace/ops/x.h", "#include <string>\n"), 1u);
  EXPECT_EQ(count_faults("trace/text.h", "#include <string>\n"), 0u);
  EXPECT_EQ(count_faults("impl/frame/x.h", "#include <atomic>\n"), 0u);
}

TEST(Layers, AMutableVariableOfImplIsSeen) {
  for (const char* line :
       {"static int calls;", "inline u64 last = 0;", "  static inline bool is_up = false;",
        "thread_local u32 cpu = 0;", "  static u64 spare{0};", "u64 max_paddr = 0;",
        "int table[4];", "std::atomic<u64> count{0};", "constinit Word word{};",
        "FrameVTable* last;"}) {
    EXPECT_EQ(count_faults("impl/frame/x.h", line), 1u) << line;
  }
  for (const char* line :
       {"static constexpr u64 kBusy = 0;", "inline constexpr usize kSize = 40;",
        "  static PhysAddr of(PhysAddr at) {", "using u8 = std::uint8_t;", "struct NotUnique {};",
        "class UniqueFrame;", "  u64 max_paddr = 0;", "enum class Panic : u8 {", "const u64 k = 1;",
        "void inc_frame_ref_count(PhysAddr at) noexcept;"}) {
    EXPECT_EQ(count_faults("impl/frame/x.h", line), 0u) << line;
  }
}

}  // namespace
