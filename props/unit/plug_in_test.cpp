// SPDX-License-Identifier: MPL-2.0
// Plugging in a system of your own: all that it takes, and that a fault in it is found. check/
// README.md points here.
#include <gtest/gtest.h>

#include "check/declines.h"
#include "check/run.h"
#include "check/shrink.h"
#include "props/unit/ideal_system.h"

namespace {

// Counts handles to pages in two arrays. It knows four operations, and simple kinds of metadata.
class Shelf {
 public:
  // What the operations work on.
  struct Page {
    std::uint64_t count = 0;
    trace::Kind kind{};
    std::uint64_t value = 0;
  };
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  void reset(const trace::Machine& shape) {
    shape_ = shape;
    pages_.assign(shape.pages.raw, {});
    for (auto& lane : lanes_) lane.fill(kNone);
  }
  void rebuild(const trace::Machine& shape) { reset(shape); }

  // Each operation first decides, by what the lane holds, whether it can be asked.
  trace::Answer apply(std::uint8_t lane, const trace::FrameFromUnused& op) {
    const std::uint64_t address = shape_.address(op.at);
    std::uint64_t& to = lanes_[lane][op.to.index];
    if (to != kNone || shape_.is_allocators(address)) return just(trace::Status::passed_over);
    if (has_own_on_drop(op.kind)) return just(trace::Status::declined);
    if (address % 4096 != 0) return just(trace::Status::not_aligned);
    if (address / 4096 >= pages_.size()) return just(trace::Status::out_of_bound);
    Page& page = pages_[address / 4096];
    if (page.count != 0) return just(trace::Status::in_use);
    page = {1, op.kind, op.value.value()};
    to = address / 4096;
    return {};
  }

  trace::Answer apply(std::uint8_t lane, const trace::FrameClone& op) {
    auto& held = lanes_[lane];
    if (held[op.from.index] == kNone || held[op.to.index] != kNone) {
      return just(trace::Status::passed_over);
    }
    held[op.to.index] = held[op.from.index];
    ++pages_[held[op.from.index]].count;
    return {};
  }

  trace::Answer apply(std::uint8_t lane, const trace::FrameDrop& op) {
    std::uint64_t& from = lanes_[lane][op.from.index];
    if (from == kNone) return just(trace::Status::passed_over);
    const std::uint64_t page = std::exchange(from, kNone);
    const bool was_last = --pages_[page].count == 0;
    constexpr auto kDidNotAsk = static_cast<std::uint64_t>(trace::Status::passed_over);
    trace::Answer answer;
    answer.reply.results = {was_last, was_last, was_last, kDidNotAsk, kDidNotAsk, 0};
    if (was_last && !keeps_pages) answer.choices.given.push(page);
    return answer;
  }

  trace::Answer apply(std::uint8_t lane, const trace::FrameCount& op) {
    const std::uint64_t page = lanes_[lane][op.from.index];
    if (page == kNone) return just(trace::Status::passed_over);
    trace::Answer answer;
    answer.reply.results[0] = pages_[page].count;
    return answer;
  }

  // What is so of one page, as far as anybody can see.
  void observe(std::uint64_t number, auto&& see) const {
    const Page& page = pages_[number];
    if (page.count != 0) {
      trace::PageInUse fact{.page = number,
                            .use = trace::Use::shared,
                            .count = page.count,
                            .kind = page.kind,
                            .usage = usage_of(page.kind)};
      for (std::size_t i = 0; i < trace::words_of(page.kind.name); ++i) {
        fact.words[i] = page.value + i;
      }
      see(trace::Fact(fact));
    }
    if (number >= shape_.loose.raw) see(trace::Fact(trace::PageFree{number}));
  }

  std::uint64_t digest(std::uint64_t number) const { return pages_[number].count; }

  bool keeps_pages = false;  // A fault: nobody is told when a page is given up.

 private:
  static trace::Answer just(trace::Status status) { return {{.status = status}, {}}; }
  static bool has_own_on_drop(trace::Kind kind) {
    return kind.name == trace::KindName::reentrant || kind.name == trace::KindName::reader ||
           kind.name == trace::KindName::link_reader;
  }
  static trace::Usage usage_of(trace::Kind kind) {
    switch (kind.name) {
      case trace::KindName::kernel: return trace::Usage::kernel;
      case trace::KindName::reserved:
      case trace::KindName::unusable: return trace::Usage::reserved;
      case trace::KindName::meta: return trace::Usage::meta;
      case trace::KindName::kernel_stack: return trace::Usage::kernel_stack;
      default: return trace::Usage::frame;
    }
  }

  trace::Machine shape_{};
  std::vector<Page> pages_;
  std::array<std::array<std::uint64_t, trace::Frame::kCount>, trace::Cpu::kMost> lanes_{};
};

using MySystem = check::Supports<Shelf, trace::FrameFromUnused, trace::FrameClone, trace::FrameDrop,
                                 trace::FrameCount>;
static_assert(check::SystemUnderTest<MySystem>);

TEST(PlugIn, ASystemOfFourOperationsAgrees) {
  MySystem system;
  check::Tally tally;
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    const check::Run run = check::confirmed_run<reference::Model>(unit::some_trace(seed, 500),
                                                                  system, {.tally = &tally});
    ASSERT_TRUE(run.agreed()) << check::what_is_wrong(*run.diverged, run.steps.back());
  }
  EXPECT_GT(tally.asked(), 2000u);
}

// The same, with one `apply` for all operations.
class OneDoor {
 public:
  void reset(const trace::Machine& shape) { system_.reset(shape); }
  void rebuild(const trace::Machine& shape) { system_.rebuild(shape); }
  trace::Answer apply(std::uint8_t lane, const trace::Op& op) {
    return std::visit([&](const auto& one) { return system_.apply(lane, one); }, op);
  }
  void observe(std::uint64_t page, auto&& see) const { system_.observe(page, see); }
  std::uint64_t digest(std::uint64_t page) const { return system_.digest(page); }
  void digests(std::span<std::uint64_t> of) const {
    ++times_all;
    for (std::size_t page = 0; page < of.size(); ++page) of[page] = digest(page);
  }

  mutable int times_all = 0;

 private:
  MySystem system_;
};
static_assert(trace::TakesAnyOp<OneDoor> && check::SystemUnderTest<OneDoor>);
static_assert(!trace::TakesAnyOp<MySystem>, "A template is one for each operation.");

TEST(PlugIn, ASystemMayTakeAnyOperationAtOneDoor) {
  OneDoor system;
  check::Tally tally;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const check::Run run = check::confirmed_run<reference::Model>(unit::some_trace(seed, 500),
                                                                  system, {.tally = &tally});
    ASSERT_TRUE(run.agreed()) << check::what_is_wrong(*run.diverged, run.steps.back());
  }
  EXPECT_GT(tally.asked(), 200u);
  EXPECT_GT(system.times_all, 200);
}

TEST(PlugIn, AFaultInItIsFoundAndShrunk) {
  MySystem system;
  system.system().keeps_pages = true;
  const trace::Trace trace = unit::some_trace(1, 500);
  const check::Run run = check::confirmed_run<reference::Model>(trace, system);
  ASSERT_FALSE(run.agreed());
  const check::Shrunk shrunk = check::shrink(
      trace,
      [&](const trace::Trace& smaller) {
        return !check::run<reference::Model>(smaller, system).agreed();
      },
      {}, run.diverged->step);
  const check::Run shown = check::confirmed_run<reference::Model>(
      shrunk.trace, system, {.thoroughness = check::Thoroughness::thorough});
  ASSERT_FALSE(shown.agreed());
  EXPECT_EQ(shrunk.trace.calls.size(), 2u);
  EXPECT_EQ(check::what_is_wrong(*shown.diverged, shown.steps.back()),
            "frame_drop gave to the allocator: none, not 0 (POST-4)");
}

}  // namespace
