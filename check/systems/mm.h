// SPDX-License-Identifier: MPL-2.0
// mm on the simulated machine as a system under test, behind a wall: only alone.cpp and at_once.cpp
// see what it is made of. Every operation is compiled for every kind of metadata, under sanitizers
// each access with its checks; so that is done once for each platform, and whoever asks, asks here.
#pragma once

#include <memory>

#include "check/any_system.h"

namespace check {
struct Lone;
}
namespace check::explore {
struct Explored;
}

namespace check {

template <class Base>
class MmSystem;

// A SystemUnderTest: MmSystem<Base>, of which it says the same as check/bind/system.h. There is one
// simulated machine, however many systems there are.
template <class Base>
class Walled : public AnySystem {
 public:
  Walled();
  ~Walled() override;

  void reset(const trace::Machine& shape) override;
  void rebuild(const trace::Machine& shape) override;
  trace::Answer apply(std::uint8_t lane, const trace::Op& op) override;
  std::uint64_t digest(std::uint64_t page) const override;
  void digests(std::span<std::uint64_t> of) const override;
  const trace::Choices& begun() const override;
  void go_at_once() override;

 private:
  const std::vector<trace::Fact>& facts_of(std::uint64_t page) const override;
  const std::vector<trace::Fact>& mapped_in(const trace::TableRange& range) const override;
  const std::vector<trace::FreeBlock>& blocks() const override;

  std::unique_ptr<MmSystem<Base>> system_;
  mutable std::vector<trace::Fact> facts_{}, mapped_{};
  mutable std::vector<trace::FreeBlock> blocks_{};
};

using MmAlone = Walled<Lone>;                // For operations that go alone.
using MmAtOnce = Walled<explore::Explored>;  // For lanes at once.

}  // namespace check
