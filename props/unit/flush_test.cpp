// SPDX-License-Identifier: MPL-2.0
// Requests to flush: that a word says what was asked for, and that a stack of them loses nothing.
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <vector>

#include "impl/hosted/platform.h"
#include "impl/tlb/flush_stack.h"

namespace {

using mm::Flush, mm::FlushStack, mm::kPageSize, mm::Panic, mm::u64, mm::VirtAddr;
using P = mm::Hosted;

// A CPU that writes down what it is to forget.
struct Noting {
  static void flush_page(VirtAddr at) noexcept { pages.push_back(at.value); }
  static void flush_all() noexcept { ++alls; }
  static void flush_all_and_global() noexcept { ++global_alls; }
  static inline std::vector<u64> pages;
  static inline int alls = 0, global_alls = 0;
};
std::vector<u64> done_by(const auto& flushes) {
  Noting::pages.clear();
  Noting::alls = Noting::global_alls = 0;
  flushes.template perform<Noting>();
  return Noting::pages;
}

constexpr u64 kLast = ~u64{0} - kPageSize + 1;

Flush pages(u64 first, u64 count) { return Flush::pages<P>({first}, count); }
Flush kernel_pages(u64 first, u64 count) { return Flush::kernel_pages<P>({first}, count); }

TEST(Flush, SaysWhatWasAskedFor) {
  for (const u64 first : {u64{0}, kPageSize, u64{1} << 46, kLast}) {
    for (const u64 count : {1u, 2u, 31u}) {
      const Flush flush = pages(first, count);
      EXPECT_FALSE(flush.is_all());
      EXPECT_EQ(flush.first().value, first);
      EXPECT_EQ(flush.count(), count);
      std::vector<u64> wanted;
      for (u64 i = 0; i < count; ++i) wanted.push_back(first + i * kPageSize);  // And round.
      EXPECT_EQ(done_by(flush), wanted);
      EXPECT_EQ(Noting::alls, 0);
    }
  }
}

TEST(Flush, OfManyPagesIsOfEverything) {
  for (const u64 count : {u64{32}, u64{512}, ~u64{0}}) EXPECT_EQ(pages(0, count), Flush::all());
  EXPECT_TRUE(Flush::all().is_all());
  EXPECT_EQ(done_by(Flush::all()), std::vector<u64>());
  EXPECT_EQ(Noting::alls, 1);
}

// A single page is forgotten whether it is global or not; of many, only if it is said.
TEST(Flush, OfTheKernelsPagesForgetsGlobalOnes) {
  EXPECT_EQ(done_by(kernel_pages(kLast, 3)), done_by(pages(kLast, 3)));
  for (const u64 count : {u64{1}, u64{31}}) {
    EXPECT_FALSE(kernel_pages(kLast, count).is_all());
    EXPECT_EQ(kernel_pages(kLast, count).first().value, kLast);
    EXPECT_EQ(kernel_pages(kLast, count).count(), count);
  }
  for (const u64 count : {u64{32}, u64{512}, ~u64{0}}) {
    EXPECT_EQ(kernel_pages(kLast, count), Flush::all_and_global());
  }
  EXPECT_TRUE(Flush::all_and_global().is_all());
  EXPECT_NE(Flush::all_and_global(), Flush::all());
  EXPECT_EQ(done_by(Flush::all_and_global()), std::vector<u64>());
  EXPECT_EQ(Noting::global_alls, 1);
  EXPECT_EQ(Noting::alls, 0);
}

// An address within a page would change the count; the alignment is looked at first.
TEST(Flush, WhatIsNoRangeOfPagesIsAPanic) {
  const auto panic = [](u64 first, u64 count) {
    return P::guarded([&] { (void)pages(first, count); });
  };
  EXPECT_EQ(panic(1, 1), Panic::bad_alignment);
  EXPECT_EQ(panic(0x800, 1), Panic::bad_alignment);
  EXPECT_EQ(panic(kPageSize - 1, 0), Panic::bad_alignment);
  EXPECT_EQ(panic(~u64{0}, 64), Panic::bad_alignment);
  EXPECT_EQ(panic(kPageSize, 0), Panic::empty_range);
  EXPECT_EQ(panic(kPageSize, 1), Panic::none);
  EXPECT_EQ(P::guarded([] { (void)kernel_pages(8, 1); }), Panic::bad_alignment);
  EXPECT_EQ(P::guarded([] { (void)kernel_pages(kPageSize, 0); }), Panic::empty_range);
}

TEST(FlushStack, KeepsThirtyOnePagesAndNoMore) {
  FlushStack stack;
  EXPECT_TRUE(stack.is_empty());
  EXPECT_EQ(done_by(stack), std::vector<u64>());
  for (u64 i = 0; i < 31; ++i) {
    stack.push(pages(i * kPageSize, 1));
    EXPECT_FALSE(stack.is_empty() || stack.is_all());
    EXPECT_EQ(stack.pages(), i + 1);
  }
  EXPECT_EQ(done_by(stack).size(), 31u);
  EXPECT_EQ(Noting::alls, 0);
  stack.push(pages(0, 1));
  EXPECT_TRUE(stack.is_all());
  stack.push(pages(0, 1));  // And stays so.
  EXPECT_TRUE(stack.is_all());
  EXPECT_EQ(done_by(stack), std::vector<u64>());
  EXPECT_EQ(Noting::alls, 1);
  stack.clear();
  EXPECT_TRUE(stack.is_empty());
  EXPECT_EQ(done_by(stack), std::vector<u64>());
  EXPECT_EQ(Noting::alls, 0);
}

TEST(FlushStack, OfOneThatSaysEverythingIsOfEverything) {
  FlushStack stack;
  stack.push(Flush::all());
  EXPECT_TRUE(stack.is_all());
  FlushStack other;
  other.push(pages(kPageSize, 3));
  other.push(stack);
  EXPECT_TRUE(other.is_all());
}

// Whatever comes first, what makes the stack one of everything, or comes after that.
TEST(FlushStack, OfOneOfTheKernelsPagesAndManyIsOfEverythingGlobalToo) {
  const Flush kernels = kernel_pages(kLast, 1), many = pages(0, 31);
  const auto global_alls = [](std::initializer_list<Flush> all) {
    FlushStack stack, copy, appended;
    for (const Flush& flush : all) stack.push(flush);
    EXPECT_TRUE(stack.is_all());
    copy = stack;
    appended.push(stack);
    (void)done_by(copy);
    const int found = Noting::global_alls;
    EXPECT_EQ(Noting::alls, 1 - found);
    (void)done_by(appended);
    EXPECT_EQ(Noting::global_alls, found);
    (void)done_by(stack);
    EXPECT_EQ(Noting::global_alls, found);
    stack.clear();
    stack.push(Flush::all());
    (void)done_by(stack);
    EXPECT_EQ(Noting::global_alls, 0) << "what it was is forgotten";
    return found;
  };
  EXPECT_EQ(global_alls({many, pages(0, 1)}), 0);
  EXPECT_EQ(global_alls({Flush::all(), many}), 0);
  EXPECT_EQ(global_alls({kernels, many}), 1);
  EXPECT_EQ(global_alls({pages(0, 1), kernels, many}), 1);
  EXPECT_EQ(global_alls({many, kernels}), 1);
  EXPECT_EQ(global_alls({many, many, kernels}), 1);
  EXPECT_EQ(global_alls({Flush::all(), kernels}), 1);
  EXPECT_EQ(global_alls({kernels, Flush::all()}), 1);
  EXPECT_EQ(global_alls({kernels, many, many, Flush::all()}), 1);
  EXPECT_EQ(global_alls({Flush::all_and_global()}), 1);
  EXPECT_EQ(global_alls({Flush::all(), Flush::all_and_global(), many}), 1);
}

// INV-50: whatever is pushed, singly or from another, is done, or everything is.
TEST(FlushStack, LosesNothing) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    FlushStack stack, other;
    std::set<u64> wanted;
    u64 total = 0;
    bool is_all = false, is_global = false;
    for (unsigned i = random() % 12; i > 0; --i) {
      FlushStack& to = random() % 2 == 0 ? stack : other;
      if (random() % 24 == 0) {
        to.push(Flush::all());
        is_all = true;
        continue;
      }
      const u64 first = (random() % 8) * kPageSize, count = 1 + random() % 6;
      const bool is_kernels = random() % 8 == 0;
      to.push(is_kernels ? kernel_pages(first, count) : pages(first, count));
      is_global |= is_kernels;
      total += count;
      for (u64 page = 0; page < count; ++page) wanted.insert(first + page * kPageSize);
    }
    stack.push(other);
    EXPECT_EQ(stack.is_all(), is_all || total > 31);
    EXPECT_EQ(stack.is_empty(), !is_all && total == 0);
    const std::vector<u64> done = done_by(stack);
    if (stack.is_all()) {
      EXPECT_EQ(Noting::global_alls, is_global ? 1 : 0);
      EXPECT_EQ(Noting::alls, is_global ? 0 : 1);
    } else {
      EXPECT_EQ(done.size(), total);
      EXPECT_EQ(std::set<u64>(done.begin(), done.end()), wanted);
    }
  }
}

}  // namespace
