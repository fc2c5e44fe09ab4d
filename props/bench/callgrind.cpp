// SPDX-License-Identifier: MPL-2.0
#include "props/bench/callgrind.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "props/bench/stopwatch.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

// A folder for as long as it is needed.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "pagetwin-bench-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;  // Empty if it could not be made.
};

// Runs a program that says nothing, and waits for it. What spawning it failed with, or 0; and its
// status.
struct Ended {
  int error = 0;
  int status = 0;
};
Ended run_silently(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& one : arguments) argv.push_back(one.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (const int file : {STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&files, file, "/dev/null", O_WRONLY, 0);
  }
  pid_t child = 0;
  Ended ended;
  ended.error = posix_spawnp(&child, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (ended.error == 0) {
    while (waitpid(child, &ended.status, 0) < 0 && errno == EINTR) {
    }
  }
  return ended;
}

// What a profile says was counted.
std::optional<mm::u64> total_of(const fs::path& profile) {
  std::ifstream file(profile);
  for (std::string word; file >> word;) {
    if (mm::u64 total = 0; word == "totals:" && file >> total) return total;
  }
  return std::nullopt;
}

}  // namespace

Counted count_instructions(const std::vector<std::string>& program) {
  const TemporaryFolder folder;
  if (folder.path().empty()) return {.why = "there is no room for temporary files"};
  const std::string profiles = (folder.path() / "profile").string();
  const std::string function = kTimedFunction;
  std::vector<std::string> arguments = {"valgrind", "--tool=callgrind",
                                        "--callgrind-out-file=" + profiles,
                                        "--toggle-collect=" + function, "--dump-after=" + function};
  arguments.insert(arguments.end(), program.begin(), program.end());
  const Ended ended = run_silently(std::move(arguments));
  if (ended.error == ENOENT) return {.why = "valgrind is not installed"};
  if (ended.error != 0 || ended.status != 0) return {.why = "the run under callgrind failed"};

  // One profile each time the function was left.
  Counted counted;
  for (std::size_t i = 1;; ++i) {
    const auto total = total_of(profiles + "." + std::to_string(i));
    if (!total) return counted;
    counted.instructions.push_back(*total);
  }
}

}  // namespace bench
