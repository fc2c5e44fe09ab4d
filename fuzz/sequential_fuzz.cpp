// SPDX-License-Identifier: MPL-2.0
// libFuzzer: every input is a trace, whose calls go one after another; a divergence is a crash.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "check/run.h"
#include "check/systems/mm.h"
#include "fuzz/mutator.h"
#include "fuzz/watched.h"
#include "trace/text.h"

// libFuzzer looks for counters of the program's own in the section of this name.
[[gnu::section(
    "__libfuzzer_extra_counters")]] std::array<std::uint8_t, fuzz::kStates> fuzz::seen_states;

extern "C" {

// mm has no heap and keeps no pointer to a stack: what AddressSanitizer does to find misuse of
// those would be most of the time. A report of its own ends as libFuzzer's do.
const char* __asan_default_options() {  // NOLINT
  return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0:malloc_context_size=0:detect_"
         "leaks=0:"
         "detect_stack_use_after_return=0:exitcode=77";
}

std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                    unsigned seed) {
  const auto bytes = fuzz::mutated(data, size, most, seed, LLVMFuzzerMutate);
  std::ranges::copy(bytes, data);
  return bytes.size();
}

std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* left, std::size_t left_size,
                                      const std::uint8_t* right, std::size_t right_size,
                                      std::uint8_t* out, std::size_t most, unsigned seed) {
  const auto bytes = fuzz::crossed(left, left_size, right, right_size, most, seed);
  std::ranges::copy(bytes, out);
  return bytes.size();
}

// Said at the end: how much of what the mutator made could be asked.
int LLVMFuzzerInitialize(int*, char***) {
  return std::atexit([] {
    const auto& [total, passed_over] = fuzz::put_to_models;
    if (total == 0) return;
    std::cerr << "pagetwin: " << total << " operations, of which "
              << 100.0 * static_cast<double>(total - passed_over) / static_cast<double>(total)
              << " % were asked\n";
  });
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static check::MmAlone subject;
  const trace::Trace trace = trace::decode({data, size});
  const check::Run run = check::confirmed_run<fuzz::Watched>(trace, subject);
  if (run.agreed()) return 0;
  std::cerr << trace << check::what_is_wrong(*run.diverged, run.steps.back()) << '\n';
  std::abort();
}

}  // extern "C"
