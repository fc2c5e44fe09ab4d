// SPDX-License-Identifier: MPL-2.0
// A system under test that is chosen at run time: whoever is given one knows no more than that. It
// has all that sut.h knows of.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "trace/fact.h"
#include "trace/machine.h"
#include "trace/op.h"

namespace check {

class AnySystem {
 public:
  virtual ~AnySystem() = default;

  virtual void reset(const trace::Machine& shape) = 0;
  virtual void rebuild(const trace::Machine& shape) = 0;
  virtual trace::Answer apply(std::uint8_t lane, const trace::Op& op) = 0;
  virtual std::uint64_t digest(std::uint64_t page) const = 0;
  virtual void digests(std::span<std::uint64_t> of) const = 0;  // of[i] becomes that of page i.
  virtual const trace::Choices& begun() const = 0;
  virtual void go_at_once() = 0;

  void observe(std::uint64_t page, auto&& see) const {
    for (const trace::Fact& fact : facts_of(page)) see(fact);
  }
  void mapped(const trace::TableRange& range, auto&& see) const {
    for (const trace::Fact& fact : mapped_in(range)) see(fact);
  }
  void free_blocks(auto&& see) const {
    for (const trace::FreeBlock& block : blocks()) see(block);
  }

  // What is to be known of how it ended, if it was no answer by which it did: a sentence.
  virtual std::string last_words() const { return {}; }

 protected:
  // Until the same is asked again.
  virtual const std::vector<trace::Fact>& facts_of(std::uint64_t page) const = 0;
  virtual const std::vector<trace::Fact>& mapped_in(const trace::TableRange& range) const = 0;
  virtual const std::vector<trace::FreeBlock>& blocks() const = 0;
};

}  // namespace check
