// SPDX-License-Identifier: MPL-2.0
// mm as the harnesses ask it: check::MmSystem on the simulated machine, in a translation unit of
// its own. That one is compiled with the fuzzer's coverage, and nothing else is: what the fuzzer
// shall learn is where mm went, not where its judge went.
#pragma once

#include <vector>

#include "trace/fact.h"
#include "trace/machine.h"
#include "trace/op.h"

namespace fuzz {

// A check::SystemUnderTest. There is one machine in a process.
class Subject {
 public:
  void reset(const trace::Machine& shape);
  void rebuild(const trace::Machine& shape);
  trace::Answer apply(std::uint8_t lane, const trace::Op& op);
  std::uint64_t digest(std::uint64_t page) const;

  void observe(std::uint64_t page, auto&& see) const {
    for (const trace::Fact& fact : facts_of(page)) see(fact);
  }
  void free_blocks(auto&& see) const {
    for (const trace::FreeBlock& block : blocks()) see(block);
  }

 private:
  static const std::vector<trace::Fact>& facts_of(std::uint64_t page);
  static const std::vector<trace::FreeBlock>& blocks();
};

}  // namespace fuzz
