// SPDX-License-Identifier: MPL-2.0
#include "fuzz/subject.h"

#include "check/bind/system.h"
#include "impl/hosted/platform.h"

namespace fuzz {

namespace {
check::MmSystem<mm::Hosted> system;
}  // namespace

void Subject::reset(const trace::Machine& shape) { system.reset(shape); }
void Subject::rebuild(const trace::Machine& shape) { system.rebuild(shape); }

trace::Answer Subject::apply(std::uint8_t lane, const trace::Op& op) {
  return std::visit([&](const auto& one) { return system.apply(lane, one); }, op);
}

std::uint64_t Subject::digest(std::uint64_t page) const { return system.digest(page); }

const std::vector<trace::Fact>& Subject::facts_of(std::uint64_t page) {
  static std::vector<trace::Fact> facts;
  facts.clear();
  system.observe(page, [](const trace::Fact& fact) { facts.push_back(fact); });
  return facts;
}

const std::vector<trace::FreeBlock>& Subject::blocks() {
  static std::vector<trace::FreeBlock> blocks;
  blocks.clear();
  system.free_blocks([](const trace::FreeBlock& block) { blocks.push_back(block); });
  return blocks;
}

}  // namespace fuzz
