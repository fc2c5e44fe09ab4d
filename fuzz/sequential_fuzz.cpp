// SPDX-License-Identifier: MPL-2.0
// libFuzzer: every input is a trace, whose calls go one after another; a divergence is a crash.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "check/bind/system.h"
#include "check/run.h"
#include "fuzz/mutator.h"
#include "impl/hosted/platform.h"
#include "reference/model.h"
#include "trace/text.h"

extern "C" {

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

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static check::MmSystem<mm::Hosted> system;
  const trace::Trace trace = trace::decode({data, size});
  const check::Run run = check::confirmed_run<reference::Model>(trace, system);
  if (run.agreed()) return 0;
  std::cerr << trace << check::what_is_wrong(*run.diverged, run.steps.back()) << '\n';
  std::abort();
}

}  // extern "C"
