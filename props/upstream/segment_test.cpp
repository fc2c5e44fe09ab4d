// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its segments by, under their names there, on mm itself. Behind them,
// what they leave unsaid.
#include <array>
#include <vector>

#include "impl/frame/alloc_options.h"
#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::Frame, mm::FrameAllocOptions, mm::Panic, mm::Segment, mm::UFrame, mm::USegment;

struct MockFrameMeta {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  u64 value = 0;
};
struct MockUFrameMeta {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  static constexpr bool kIsUntyped = true;
  u64 value = 0;
};

// The metadata of each page says which it is.
template <class M = MockFrameMeta>
Segment<P, M> alloc(u64 pages) {
  u64 turn = 0;
  return FrameAllocOptions<P>()
      .alloc_segment_with(pages, [&](PhysAddr) noexcept { return M{turn++}; })
      .take();
}

class SegmentTest : public Booted {};

// OSTD's has 512 pages, which the machine has not.
TEST_F(SegmentTest, segment_creation) {
  constexpr u64 kCount = 64;
  const auto segment = FrameAllocOptions<P>().alloc_segment(kCount).take();
  EXPECT_EQ(segment.size(), kCount * kPage);
  EXPECT_EQ(segment.end_paddr().value - segment.start_paddr().value, kCount * kPage);
}

TEST_F(SegmentTest, max_segment_creation) {
  // The second would be one page if its bytes were counted with wrap-around, the third just too
  // large.
  for (const u64 pages : {~u64{0}, (u64{1} << 52) + 1, u64{1} << 51}) {
    EXPECT_EQ(panic_of([=] { (void)FrameAllocOptions<P>().alloc_segment(pages); }),
              Panic::too_large);
  }
  const auto largest = FrameAllocOptions<P>().alloc_segment((u64{1} << 51) - 1);
  EXPECT_EQ(largest.error(), mm::AllocError::no_memory);
}

TEST_F(SegmentTest, empty_segment_creation) {
  EXPECT_EQ(FrameAllocOptions<P>().alloc_segment(0).error(), mm::AllocError::invalid_args);
}

TEST_F(SegmentTest, zeroed_segment_creation) {
  {
    const USegment<P> used = FrameAllocOptions<P>().alloc_segment(8).take();
    used.writer().fill(u8{0xff});
  }
  const USegment<P> segment = FrameAllocOptions<P>().alloc_segment(8).take();
  auto reader = segment.reader();
  while (reader.has_remain()) ASSERT_EQ(reader.read_val<u64>().take(), 0u);
}

TEST_F(SegmentTest, segment_split) {
  auto front = alloc(2);
  const PhysAddr start = front.start_paddr(), end = front.end_paddr();
  const auto back = front.split(kPage);
  EXPECT_EQ(front.size(), kPage);
  EXPECT_EQ(back.size(), kPage);
  EXPECT_EQ(front.start_paddr(), start);
  EXPECT_EQ(front.end_paddr(), back.start_paddr());
  EXPECT_EQ(back.end_paddr(), end);
}

TEST_F(SegmentTest, segment_slice) {
  const auto segment = alloc(3);
  const auto slice = segment.slice(kPage, 2 * kPage);
  EXPECT_EQ(slice.size(), kPage);
  EXPECT_EQ(slice.start_paddr().value, segment.start_paddr().value + kPage);
}

TEST_F(SegmentTest, segment_iteration) {
  auto segment = alloc(2);
  const PhysAddr start = segment.start_paddr();
  for (u64 i = 0; i < 2; ++i) {
    const Frame<P, MockFrameMeta> frame = segment.next();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame.start_paddr().value, start.value + i * kPage);
    EXPECT_EQ(frame.meta().value, i);
    EXPECT_EQ(frame.reference_count(), 1u);
  }
  EXPECT_FALSE(segment.next());
  EXPECT_TRUE(segment.is_empty());
}

// Other than there, the segment is still held after the panic.
TEST_F(SegmentTest, invalid_segment_split) {
  auto segment = alloc(2);
  for (const u64 offset : {u64{0}, kPage / 2, 2 * kPage, 3 * kPage, ~u64{4095}}) {
    EXPECT_EQ(panic_of([&] { (void)segment.split(offset); }), Panic::bad_split);
    EXPECT_EQ(segment.size(), 2 * kPage);
  }
}

TEST_F(SegmentTest, segment_slice_out_of_bounds) {
  const auto segment = alloc(2);
  const auto refused = [&](u64 begin, u64 end) {
    return panic_of([&] { (void)segment.slice(begin, end); }) == Panic::bad_slice;
  };
  constexpr u64 kLast = ~u64{4095};
  EXPECT_TRUE(refused(kLast, kLast));
  EXPECT_TRUE(refused(kLast, 0));
  EXPECT_TRUE(refused(0, 3 * kPage));
  EXPECT_TRUE(refused(2 * kPage, kPage));
  EXPECT_TRUE(refused(1, kPage));
  EXPECT_TRUE(refused(0, kPage - 1));
}

TEST_F(SegmentTest, segment_to_usegment) {
  auto typed = alloc<MockUFrameMeta>(2);
  const PhysAddr start = typed.start_paddr();
  Segment<P> dynamic = std::move(typed);
  EXPECT_FALSE(typed);
  auto untyped = USegment<P>::try_from(std::move(dynamic));
  ASSERT_TRUE(untyped.ok());
  const USegment<P> segment = untyped.take();
  EXPECT_EQ(segment.size(), 2 * kPage);
  EXPECT_EQ(segment.start_paddr(), start);
}

TEST_F(SegmentTest, segment_to_segment) {
  Segment<P> dynamic = alloc(2);
  const PhysAddr start = dynamic.start_paddr();

  // To what it is not: refused, and the segment stays.
  EXPECT_FALSE(USegment<P>::try_from(std::move(dynamic)).ok());
  EXPECT_FALSE((Segment<P, MockUFrameMeta>::try_from(std::move(dynamic)).ok()));
  ASSERT_TRUE(dynamic);

  auto typed = Segment<P, MockFrameMeta>::try_from(std::move(dynamic));
  ASSERT_TRUE(typed.ok());
  Segment<P, MockFrameMeta> segment = typed.take();
  EXPECT_EQ(segment.size(), 2 * kPage);
  EXPECT_EQ(segment.start_paddr(), start);
  EXPECT_EQ(segment.next().meta().value, 0u);
  EXPECT_EQ(segment.next().meta().value, 1u);
}

TEST_F(SegmentTest, frame_to_segment) {
  auto frame = FrameAllocOptions<P>().alloc_frame_with(MockFrameMeta{42}).take();
  const PhysAddr at = frame.start_paddr();
  Segment<P, MockFrameMeta> segment(std::move(frame));
  EXPECT_FALSE(frame);
  EXPECT_EQ(segment.size(), kPage);
  EXPECT_EQ(segment.start_paddr(), at);
  EXPECT_EQ(segment.next().meta().value, 42u);
}

TEST_F(SegmentTest, segment_drop) {
  auto segment = FrameAllocOptions<P>().alloc_segment(1).take();
  const PhysAddr at = segment.start_paddr();
  drop(std::move(segment));
  EXPECT_FALSE(segment);
  EXPECT_EQ(FrameAllocOptions<P>().alloc_segment(1).take().start_paddr(), at);
}

// What OSTD has no case for.

u64 count_of(PhysAddr at) { return mm::MetaSlot<P>::of(at)->ref_count(); }

TEST_F(SegmentTest, a_count_is_held_on_each_page) {
  auto segment = alloc(3);
  const PhysAddr start = segment.start_paddr();
  using Counts = std::array<u64, 3>;
  const auto counts = [=] {
    Counts counts{};
    for (u64 i = 0; i < counts.size(); ++i) counts[i] = count_of({start.value + i * kPage});
    return counts;
  };
  EXPECT_EQ(counts(), (Counts{1, 1, 1}));
  auto clone = segment.clone();
  EXPECT_EQ(counts(), (Counts{2, 2, 2}));
  const auto slice = segment.slice(kPage, 3 * kPage);
  EXPECT_EQ(counts(), (Counts{2, 3, 3}));
  const auto empty = segment.slice(2 * kPage, 2 * kPage);
  EXPECT_EQ(counts(), (Counts{2, 3, 3}));
  EXPECT_TRUE(empty);
  EXPECT_TRUE(empty.is_empty());
  EXPECT_EQ(empty.start_paddr().value, start.value + 2 * kPage);
  drop(std::move(segment));
  EXPECT_EQ(counts(), (Counts{1, 2, 2}));
  drop(std::move(clone));
  EXPECT_EQ(counts(), (Counts{mm::MetaSlot<P>::kUnused, 1, 1}));
}

TEST_F(SegmentTest, moving_over_a_segment_swaps_them) {
  auto one = alloc(1);
  auto two = alloc(2);
  const PhysAddr first = one.start_paddr(), second = two.start_paddr();
  one = std::move(two);
  EXPECT_EQ(one.start_paddr(), second);
  EXPECT_EQ(one.size(), 2 * kPage);
  EXPECT_EQ(two.start_paddr(), first);
  EXPECT_EQ(two.size(), kPage);
}

TEST_F(SegmentTest, a_page_that_cannot_be_claimed_undoes_those_before_it) {
  const PhysAddr start = *P::alloc(4 * kPage, kPage);
  const auto at = [=](u64 i) { return PhysAddr{start.value + i * kPage}; };
  const auto taken = Frame<P, MockFrameMeta>::from_unused(at(2), {7}).take();
  std::vector<PhysAddr> asked;
  const auto made =
      Segment<P, MockFrameMeta>::from_unused(start, at(4), [&](PhysAddr page) noexcept {
        asked.push_back(page);
        return MockFrameMeta{};
      });
  EXPECT_EQ(made.error(), mm::GetFrameError::in_use);
  EXPECT_EQ(asked, (std::vector{at(0), at(1), at(2)}));
  EXPECT_EQ(count_of(at(2)), 1u);
  EXPECT_EQ(taken.meta().value, 7u);

  // The pages before it have gone to the allocator, one by one; those after it have not.
  EXPECT_EQ(free_pages(), kPages - kLoose - 2);
  EXPECT_EQ(count_of(at(3)), mm::MetaSlot<P>::kUnused);
  P::dealloc(at(3), kPage);
}

TEST_F(SegmentTest, bad_addresses_are_refused_before_the_factory_is_asked) {
  const auto error = [](PhysAddr start, PhysAddr end) {
    return Segment<P, MockFrameMeta>::from_unused(start, end,
                                                  [](PhysAddr) noexcept -> MockFrameMeta {
                                                    ADD_FAILURE();
                                                    return {};
                                                  })
        .error();
  };
  EXPECT_EQ(error({1}, page(1)), mm::GetFrameError::not_aligned);
  EXPECT_EQ(error(page(0), {1}), mm::GetFrameError::not_aligned);
  EXPECT_EQ(error(page(0), page(kPages + 1)), mm::GetFrameError::out_of_bound);
  EXPECT_EQ(error(page(kPages + 1), page(kPages + 1)), mm::GetFrameError::out_of_bound);
  EXPECT_EQ(panic_of([&] { error(page(1), page(1)); }), Panic::empty_range);
  EXPECT_EQ(panic_of([&] { error(page(kPages + 1), page(1)); }), Panic::empty_range);
}

TEST_F(SegmentTest, some_usages_keep_a_dynamic_segment) {
  Segment<P> dynamic =
      FrameAllocOptions<P>()
          .alloc_segment_with(2, [](PhysAddr) noexcept { return mm::KernelMeta{}; })
          .take();
  Segment<P> clone = dynamic.clone();
  EXPECT_EQ(panic_of([&] { drop(std::move(clone)); }), Panic::last_handle);
  ASSERT_TRUE(clone);
  EXPECT_EQ(count_of(clone.start_paddr()), 2u);
  drop(dynamic.slice(kPage, kPage));  // Nothing of it is kept.

  for (Segment<P>* kept : {&dynamic, &clone}) {
    auto typed = Segment<P, mm::KernelMeta>::try_from(std::move(*kept));
    ASSERT_TRUE(typed.ok());
    drop(typed.take());
  }
}

TEST_F(SegmentTest, an_empty_segment_is_of_any_type) {
  const auto segment = alloc(1);
  for (const u64 at : {u64{0}, kPage}) {
    Segment<P> empty = segment.slice(at, at);
    auto typed = Segment<P, MockUFrameMeta>::try_from(std::move(empty));
    ASSERT_TRUE(typed.ok());
    EXPECT_EQ(typed.take().start_paddr().value, segment.start_paddr().value + at);
  }
}

TEST_F(SegmentTest, a_segment_survives_being_raw) {
  auto segment = alloc(2);
  const PhysAddr first = segment.start_paddr(), last = segment.end_paddr();
  const auto [start, end] = std::move(segment).into_raw();
  EXPECT_FALSE(segment);
  EXPECT_EQ(start, first);
  EXPECT_EQ(end, last);
  auto back = Segment<P, MockFrameMeta>::from_raw(start, end);
  EXPECT_EQ(back.next().meta().value, 0u);
}

TEST_F(SegmentTest, what_no_segment_can_vouch_for_is_refused) {
  const auto refused = [](PhysAddr start, PhysAddr end) {
    return panic_of([=] { (void)Segment<P>::from_raw(start, end); }) == Panic::broken;
  };
  EXPECT_TRUE(refused({1}, page(1)));
  EXPECT_TRUE(refused(page(0), {1}));
  EXPECT_TRUE(refused(page(2), page(1)));
  EXPECT_TRUE(refused(page(0), page(kPages + 1)));
}

}  // namespace
