// SPDX-License-Identifier: MPL-2.0
// pagetwin-zoo-guest: hunts the bugs that were planted in the guest's image: in what of it is the
// machine's, and in what of mm only a machine shows. Where the list says "boot", the guest looks at
// itself (baremetal/agent/self_check.cpp), and must say what is wrong; all others are hunted
// through the mailbox with the traces and the judge of a property, as any bug is.
//
// Which bug is switched on, the guest is told on its command line.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "baremetal/host/guest_system.h"
#include "props/systems.h"
#include "props/zoo/list.h"
#include "props/zoo/process.h"
#include "props/zoo/score.h"

namespace {

using zoo::Bug;
using zoo::Json;

constexpr double kSecondsToAnswer = 3;  // A guest that hangs is as good as one that crashes.

struct Options : zoo::Options {
  std::string image;
  bool thorough = false;
};

std::string image_beside_program() {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/exe", none).parent_path() /
         "pagetwin-guest-zoo.elf";
}

bare::QemuOptions with_bug(const Options& options, int number, const std::string& line = "") {
  return {.image = options.image,
          .line = line + " bug=" + std::to_string(number),
          .seconds_to_answer = kSecondsToAnswer};
}

bool has_passed(const bare::Ended& ended) {
  return ended.status == bare::status_of_exit(bare::kStoppedExit);
}

// "boot" if it says what it should; whatever else goes wrong is "fault".
void look(const Bug& bug, int number, const Options& options, zoo::Hunted& hunted) {
  const auto start = std::chrono::steady_clock::now();
  const bare::Ended ended = bare::Qemu::run_to_end(with_bug(options, number, bug.line));
  hunted.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string said = ended.said + ended.how + '\n';
  hunted.is_found = !has_passed(ended);
  const bool says_so = said.find(bug.says) != std::string::npos;
  if (hunted.is_found) std::strcpy(hunted.oracle, says_so ? "boot" : "fault");
  std::strncpy(hunted.trace, said.c_str(), sizeof hunted.trace - 1);
}

Json hunted(const Bug& bug, int number, unsigned seed, const Options& options) {
  auto& hunted = zoo::shared_value<zoo::Hunted>();
  const std::string death = zoo::in_a_process(hunted, options.seconds, [&](zoo::Hunted& into) {
    if (bug.oracle == std::string_view("boot")) return look(bug, number, options, into);
    bare::GuestSystem guest(with_bug(options, number));
    props::chosen_instead = &guest;
    zoo::hunt(props::property(bug.property), seed, into,
              options.thorough ? 0 : static_cast<std::size_t>(bug.min_ops));
  });
  Json json = zoo::row_of(bug, seed, hunted, death);
  munmap(&hunted, sizeof hunted);
  return json;
}

// Without a bug all is well: else nothing that is found would mean anything.
int try_without(const Options& options) {
  try {
    for (const char* const line : {"boot", "kernel"}) {
      const bare::Ended ended = bare::Qemu::run_to_end(with_bug(options, 0, line));
      if (has_passed(ended)) continue;
      std::cerr << "pagetwin-zoo-guest: without any bug the guest does not pass '" << line
                << "': " << ended.how << '\n';
      return check::cli::kInternal;
    }
    return check::cli::kHeld;
  } catch (const bare::NoGuest& why) {
    std::cerr << "pagetwin-zoo-guest: no guest: " << why.what() << '\n';
    return check::cli::kUsage;
  }
}

// The seed of what looks at itself means nothing: it does so once.
bool hunt_all(const Options& options, const std::vector<int>& numbers) {
  zoo::Score score(options);
  for (const int number : numbers) {
    const Bug& bug = zoo::kBugs[number - 1];
    const unsigned seeds = bug.oracle == std::string_view("boot") ? 1 : options.seeds;
    std::vector<Json> rows;
    for (unsigned seed = options.first_seed; seed < options.first_seed + seeds; ++seed) {
      rows.push_back(hunted(bug, number, seed, options));
    }
    score.take(bug, std::move(rows));
  }
  const bool is_as_listed = score.tell();
  Json all = score.rows();
  for (Json& one : all) one.erase("trace"), one.erase("ended_by");  // For people only.
  zoo::write({{"bugs", all}}, options);
  return is_as_listed;
}

}  // namespace

int main(int argc, char** argv) {
  zoo::is_sanitizer_an_oracle = false;
  Options options;
  options.seconds = 60;
  options.image = image_beside_program();
  CLI::App app("Hunts bugs that were planted in a copy of the guest.", "pagetwin-zoo-guest");
  std::string on = "guest";
  app.add_option("--on", on, "Where: on the guest")->check(CLI::IsMember({"guest"}));
  app.add_option("--image", options.image, "The guest, an ELF file (the one beside this program)");
  app.add_flag("--thorough", options.thorough,
               "Go on beyond the declared minimum: to simpler operands, and shorter traces");
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : check::cli::kUsage;
  }

  std::vector<int> numbers;
  for (int number = 1; number <= static_cast<int>(std::size(zoo::kBugs)); ++number) {
    if (is_selected(zoo::kBugs[number - 1], options)) numbers.push_back(number);
  }
  if (numbers.empty()) {
    std::cerr << "pagetwin-zoo-guest: there is no such bug\n";
    return check::cli::kNothing;
  }
  if (options.list) {
    for (const int number : numbers) zoo::list(zoo::kBugs[number - 1]);
    return check::cli::kHeld;
  }
  if (const int status = try_without(options); status != check::cli::kHeld) return status;
  return hunt_all(options, numbers) ? check::cli::kHeld : zoo::kNotAsListed;
}
