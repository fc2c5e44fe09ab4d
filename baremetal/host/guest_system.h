// SPDX-License-Identifier: MPL-2.0
// The guest as a system under test. It boots when it is first asked for anything, and again when it
// is to be reset after it has crashed, or hung. What it declines is its own affair; but lanes
// never go at once.
//
// What it tells after each operation is all that has changed, so pages and free blocks are asked of
// what was told; only what tables map takes a question of its own. What it tells of that is
// compared with what the host finds by walking the tables in the guest's memory (walk.h); where the
// two differ, the fact has a privileged mark that none has, and so nobody expects it.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "baremetal/host/qemu.h"
#include "baremetal/host/walk.h"
#include "check/any_system.h"

namespace bare {

class GuestSystem : public check::AnySystem {
 public:
  GuestSystem() : GuestSystem(default_options()) {}
  explicit GuestSystem(QemuOptions options) : options_(std::move(options)) {}

  // Of systems made from now on.
  static QemuOptions& default_options();

  // These two boot it, if it does not run; so they may throw NoGuest.
  void reset(const trace::Machine& shape) override;
  void rebuild(const trace::Machine& shape) override;
  // After its end, everything is answered with an abort of a broken invariant, which no model
  // accepts; last_words() says what happened.
  trace::Answer apply(std::uint8_t lane, const trace::Op& op) override;
  std::uint64_t digest(std::uint64_t page) const override;
  void digests(std::span<std::uint64_t> of) const override;
  const trace::Choices& begun() const override { return begun_; }
  void go_at_once() override {}  // It is never asked for.
  std::string last_words() const override;

  // Null if it does not run.
  Qemu* qemu() { return qemu_.get(); }
  std::size_t boots() const { return boots_; }

 private:
  using FactsOfPage = std::vector<trace::Fact>;

  const std::vector<trace::Fact>& facts_of(std::uint64_t page) const override;
  const std::vector<trace::Fact>& mapped_in(const trace::TableRange& range) const override;
  const std::vector<trace::FreeBlock>& blocks() const override { return blocks_; }

  bool has_ended() const { return qemu_ == nullptr || !qemu_->ending().empty(); }
  void begin(const trace::Machine& shape, What what);
  void learn();
  void walk(const trace::TableRange& range, const Tree& tree) const;

  QemuOptions options_;
  std::unique_ptr<Qemu> qemu_{};
  std::size_t boots_ = 0;
  std::size_t since_all_ = 0;  // Operations since it told everything.

  // As it was told last.
  std::array<FactsOfPage, trace::Machine::kMostPages> facts_{};
  std::array<std::uint64_t, trace::Machine::kMostPages> digests_{};
  trace::Choices begun_{};
  std::vector<trace::FreeBlock> blocks_{};
  mutable std::vector<trace::Fact> mapped_{};
  mutable std::string walked_{};  // Of the last walk that found something else; a sentence.
};

}  // namespace bare
