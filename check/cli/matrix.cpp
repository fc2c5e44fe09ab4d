// SPDX-License-Identifier: MPL-2.0
#include "check/cli/matrix.h"

#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>

#include "check/cli/guest.h"
#include "check/cli/input.h"
#include "check/cli/status.h"
#include "props/matrix/guest_cpu.h"
#include "props/matrix/matrix.h"
#include "props/matrix/simulated.h"
#include "props/matrix/touches.h"
#include "props/matrix/words.h"

namespace check::cli {

namespace {

namespace matrix = props::matrix;

struct Wanted {
  std::string on{};
  bool is_small = false;
  std::uint64_t touches = 0;
  std::uint64_t seed = 1;
};

void show(const std::string& name, std::uint64_t cases, std::uint64_t mismatches, double seconds) {
  std::cout << std::left << std::setw(8) << name << std::right << std::setw(12) << cases
            << std::setw(12) << mismatches << std::setw(9) << std::fixed << std::setprecision(2)
            << seconds << " s\n";
}
void show(const std::string& name, const matrix::Count& count) {
  show(name, count.cases, count.mismatches, count.seconds);
}

// What is known of the engine, and no mismatch: "present_of_reserved 12, early_accessed 3".
void show_allowed(const std::map<std::string, std::uint64_t>& allowed) {
  const char* before = "        of these known to differ: ";
  for (const auto& [name, count] : allowed) {
    std::cout << before << name << ' ' << count;
    before = ", ";
  }
  if (!allowed.empty()) std::cout << '\n';
}

// Whether it does what the reference says.
template <class Cpu>
bool ask_one(Cpu& cpu, matrix::Simulated& simulated, const std::string& name,
             const Wanted& wanted) {
  const matrix::Findings findings =
      matrix::run(cpu, wanted.is_small ? matrix::Breadth::alike : matrix::Breadth::all);
  std::cout << "pages          cases  mismatches       time\n";
  for (int level = 1; level <= matrix::kLeafLevels; ++level) {
    show(matrix::size_name(level), findings.sizes[static_cast<std::size_t>(level - 1)]);
  }
  show("all", findings.total());
  show_allowed(findings.allowed);
  for (const matrix::Mismatch& mismatch : findings.first) std::cout << '\n' << in_words(mismatch);
  bool agrees = findings.total().mismatches == 0;
  if (wanted.touches > 0) {
    const matrix::TouchFindings random = matrix::touch(cpu, simulated, wanted.touches, wanted.seed);
    show("touches", random.touches, random.mismatches, random.seconds);
    show_allowed(random.allowed);
    std::cout << "        went by an old entry: " << random.went_by_old << " of "
              << random.had_choice << " that could (seed " << wanted.seed << ")\n";
    for (const std::string& mismatch : random.first) std::cout << '\n' << mismatch;
    agrees = agrees && random.mismatches == 0;
  }
  std::cout << (agrees ? name + " does what the reference says\n"
                       : '\n' + name + " does not do what the reference says\n");
  return agrees;
}

int ask(const Wanted& wanted) {
  // Before anything is said, for there may be none.
  std::optional<bare::Qemu> qemu;
  try {
    if (wanted.on == kOnGuest) qemu.emplace(guest_options());
  } catch (const bare::NoGuest& why) {
    stop_for(why);
  }
  matrix::Simulated simulated;
  const bool agrees = ask_one(simulated, simulated, "the simulated CPU", wanted);
  if (!qemu) return agrees ? kHeld : kCounterexample;
  std::cout << '\n' << std::flush;
  try {
    matrix::GuestCpu guest(*qemu);
    const bool agrees_too = ask_one(guest, simulated, "the CPU of the guest", wanted);
    return agrees && agrees_too ? kHeld : kCounterexample;
  } catch (const matrix::GuestEnded& how) {
    std::cout << how.what() << '\n';
    return kCounterexample;
  }
}

}  // namespace

void add_matrix(CLI::App& app, int& status, Subjects subjects) {
  auto wanted = std::make_shared<Wanted>();
  CLI::App* const verb = app.add_subcommand(
      "matrix", "Ask a CPU every combination of rights, accesses and control flags");
  add_on_option(*verb, wanted->on, subjects);
  verb->add_flag("--small", wanted->is_small,
                 "Only cases in which all tables are alike, and present");
  verb->add_option("--touches", wanted->touches,
                   "And so many random touches, some of them after a flush was forgotten (none)")
      ->type_name("N");
  verb->add_option("--seed", wanted->seed, "Of the touches (1)")->type_name("S");
  verb->callback([wanted, &status] { status = ask(*wanted); });
}

}  // namespace check::cli
