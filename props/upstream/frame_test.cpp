// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its frames by, under their names there, on mm itself. Behind each, what
// the case leaves unsaid of the same function.
#include <vector>

#include "impl/frame/kinds.h"
#include "impl/frame/unique_frame.h"
#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::Dyn, mm::Frame, mm::FrameRef, mm::UFrame, mm::UniqueFrame;

struct MockFrameMeta {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  u64 value = 0;
};
struct MockUFrameMeta {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  static constexpr bool kIsUntyped = true;
  u64 value = 0;
};

class FrameTest : public Booted {};

template <class M>
Frame<P, M> alloc(M meta) {
  return std::move(*Frame<P, M>::alloc(meta));
}

TEST_F(FrameTest, frame_allocation) {
  const auto frame = alloc(MockFrameMeta{42});
  EXPECT_EQ(frame.meta().value, 42u);
  EXPECT_EQ(frame.reference_count(), 1u);
  EXPECT_EQ(frame.size(), 4096u);
  EXPECT_EQ(frame.map_level(), 1);
  EXPECT_EQ(frame.usage(), mm::PageUsage::frame);
}

TEST_F(FrameTest, frame_allocation_ends_with_the_last_page) {
  std::vector<Frame<P, MockFrameMeta>> frames;
  while (auto frame = Frame<P, MockFrameMeta>::alloc({frames.size()})) {
    frames.push_back(std::move(*frame));
  }
  EXPECT_EQ(frames.size(), kPages - kLoose);
  EXPECT_EQ(free_pages(), 0u);
}

TEST_F(FrameTest, frame_clone) {
  const auto first = alloc(MockFrameMeta{7});
  const auto second = first.clone();
  EXPECT_TRUE(first == second);
  EXPECT_EQ(first.start_paddr(), second.start_paddr());
  EXPECT_EQ(second.meta().value, 7u);
  EXPECT_EQ(first.reference_count(), 2u);
  EXPECT_EQ(second.reference_count(), 2u);
}

TEST_F(FrameTest, frame_drop) {
  auto frame = alloc(MockFrameMeta{1});
  const PhysAddr at = frame.start_paddr();
  EXPECT_EQ(frame.reference_count(), 1u);
  EXPECT_TRUE(drop(std::move(frame)));
  EXPECT_FALSE(frame);

  const auto next = alloc(MockFrameMeta{2});
  EXPECT_EQ(next.start_paddr(), at);
  EXPECT_EQ(next.reference_count(), 1u);
  EXPECT_EQ(next.meta().value, 2u);
}

TEST_F(FrameTest, frame_to_uframe) {
  const u64 before = free_pages();
  {
    const UFrame<P> frame = alloc(MockUFrameMeta{1});
    EXPECT_EQ(frame.size(), 4096u);
    EXPECT_EQ(frame.reference_count(), 1u);
  }
  EXPECT_EQ(free_pages(), before);
}

TEST_F(FrameTest, frame_conversions) {
  Frame<P> dynamic = alloc(MockFrameMeta{42});
  EXPECT_FALSE(dynamic.dyn_meta().is_untyped());
  EXPECT_EQ(dynamic.dyn_meta().size(), sizeof(MockFrameMeta));

  // To what it is not: refused, and the handle stays.
  EXPECT_FALSE((Frame<P, MockUFrameMeta>::try_from(std::move(dynamic)).ok()));
  EXPECT_FALSE(UFrame<P>::try_from(std::move(dynamic)).ok());
  ASSERT_TRUE(dynamic);

  auto typed = Frame<P, MockFrameMeta>::try_from(std::move(dynamic));
  ASSERT_TRUE(typed.ok());
  EXPECT_FALSE(dynamic);
  const auto frame = typed.take();
  EXPECT_EQ(frame.meta().value, 42u);
  EXPECT_EQ(frame.reference_count(), 1u);
}

TEST_F(FrameTest, frame_ref_preserves_refcnt) {
  const auto frame = alloc(MockFrameMeta{5});
  {
    const auto borrowed = frame.borrow();
    EXPECT_EQ(borrowed->start_paddr(), frame.start_paddr());
    EXPECT_EQ(borrowed->meta().value, 5u);
    EXPECT_EQ(frame.reference_count(), 1u);
    const auto again = FrameRef<P, MockFrameMeta>::borrow_paddr(frame.start_paddr());
    EXPECT_TRUE(*again == *borrowed);
    EXPECT_EQ(frame.reference_count(), 1u);
    const auto owned = borrowed.to_owned();
    EXPECT_EQ(frame.reference_count(), 2u);
  }
  EXPECT_EQ(frame.reference_count(), 1u);
}

TEST_F(FrameTest, frame_impls_non_null_ptr) {
  auto frame = alloc(MockFrameMeta{5});
  const PhysAddr at = frame.start_paddr();
  const auto other = frame.clone();

  void* const pointer = std::move(frame).into_pointer();
  ASSERT_NE(pointer, nullptr);
  constexpr u64 kMarks = (u64{1} << Frame<P>::kFreePointerBits) - 1;
  EXPECT_EQ(reinterpret_cast<u64>(pointer) & kMarks, 0u);
  EXPECT_FALSE(frame);
  EXPECT_EQ(other.reference_count(), 2u);

  const auto back = Frame<P, MockFrameMeta>::from_pointer(pointer);
  EXPECT_EQ(back.start_paddr(), at);
  EXPECT_EQ(back.meta().value, 5u);
  EXPECT_EQ(back.reference_count(), 2u);
}

// What OSTD has no case for, and no operation of a trace reaches.

TEST_F(FrameTest, raw_counts_can_be_added_to) {
  auto frame = alloc(MockFrameMeta{5});
  const PhysAddr at = std::move(frame).into_raw();
  mm::inc_frame_ref_count<P>(at);
  const auto first = Frame<P, MockFrameMeta>::from_raw(at);
  EXPECT_EQ(first.reference_count(), 2u);
  const auto second = Frame<P, MockFrameMeta>::from_raw(at);
  EXPECT_EQ(second.reference_count(), 2u);
}

TEST_F(FrameTest, a_unique_frame_survives_being_raw) {
  auto made = UniqueFrame<P, MockFrameMeta>::from_unused({0}, {9});
  ASSERT_TRUE(made.ok());
  UniqueFrame<P, MockFrameMeta> frame = made.take();
  frame.meta_mut().value = 10;
  EXPECT_EQ(frame.size(), 4096u);
  EXPECT_EQ(frame.map_level(), 1);
  EXPECT_EQ(frame.usage(), mm::PageUsage::frame);

  auto back = UniqueFrame<P, MockFrameMeta>::from_raw(std::move(frame).into_raw());
  EXPECT_EQ(back.meta().value, 10u);
  EXPECT_EQ(Frame<P>::from_in_use({0}).error(), mm::GetFrameError::unique);
  std::move(back).reset_as_unused();
}

TEST_F(FrameTest, moving_over_a_frame_drops_what_was_there) {
  auto frame = alloc(MockFrameMeta{1});
  const auto kept = frame.clone();
  frame = alloc(MockFrameMeta{2});
  EXPECT_EQ(kept.reference_count(), 1u);
  EXPECT_EQ(frame.meta().value, 2u);
}

// The kinds that mm gives to pages itself: those that only somebody who knows them may end.
template <class M>
void expect_kept(mm::PageUsage usage, bool is_kept) {
  EXPECT_EQ(M::kUsage, usage);
  Frame<P> frame = alloc(M{});
  EXPECT_EQ(frame.usage(), usage);
  const mm::Panic panic = P::guarded([&] { (void)drop(std::move(frame)); });
  EXPECT_EQ(panic, is_kept ? mm::Panic::last_handle : mm::Panic::none);
  if (!is_kept) return;
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame.reference_count(), 1u);
  auto typed = Frame<P, M>::try_from(std::move(frame));
  ASSERT_TRUE(typed.ok());
  EXPECT_TRUE(drop(typed.take()));
}

TEST_F(FrameTest, some_usages_keep_their_last_dynamic_handle) {
  expect_kept<mm::KernelMeta>(mm::PageUsage::kernel, true);
  expect_kept<mm::ReservedMemoryMeta>(mm::PageUsage::reserved, true);
  expect_kept<mm::UnusableMemoryMeta>(mm::PageUsage::reserved, true);
  expect_kept<mm::MetaPageMeta>(mm::PageUsage::meta, true);
  expect_kept<mm::EmptyMeta>(mm::PageUsage::frame, false);
  expect_kept<mm::KernelStackMeta>(mm::PageUsage::kernel_stack, false);
  expect_kept<mm::EarlyAllocatedFrameMeta>(mm::PageUsage::frame, false);
}

// Broken preconditions are found where that is cheap.
TEST_F(FrameTest, what_no_handle_can_vouch_for_is_refused) {
  const auto panics = [](auto&& body) { return P::guarded(body) == mm::Panic::broken; };
  EXPECT_TRUE(panics([] { (void)Frame<P>::from_raw({1}); }));
  EXPECT_TRUE(panics([] { (void)Frame<P>::from_raw({kPages * mm::kPageSize}); }));
  EXPECT_TRUE(panics([] { mm::inc_frame_ref_count<P>({kPages * mm::kPageSize}); }));
  EXPECT_TRUE(panics([] { (void)Frame<P>::from_raw({0}).reference_count(); }));
}

}  // namespace
