// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its linked lists by, under their names there, on mm itself. Behind
// them, what they leave unsaid.
#include "impl/frame/list.h"

#include <vector>

#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::Link, mm::LinkedList, mm::Panic, mm::UniqueFrame;

struct MockFrameMeta {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  u64 value = 0;
};
using List = LinkedList<P, MockFrameMeta>;
using Values = std::vector<u64>;

List::Element frame(u64 at, u64 value) {
  return List::Element::from_unused(page(at), Link(MockFrameMeta{value})).take();
}

// The values in a list, found by walking it, back to where it began.
Values walked(List& list) {
  Values values;
  auto cursor = list.cursor_front_mut();
  for (; cursor.current_meta() != nullptr; cursor.move_next()) {
    values.push_back(cursor.current_meta()->value);
  }
  return values;
}
Values walked_back(List& list) {
  Values values;
  auto cursor = list.cursor_back_mut();
  for (; cursor.current_meta() != nullptr; cursor.move_prev()) {
    values.push_back(cursor.current_meta()->value);
  }
  return values;
}

// What is left of loose pages must not go to the allocator.
class ListTest : public Booted {
 protected:
  static void end(List& list) {
    while (!list.is_empty()) end(list.pop_front());
  }
  static void end(List::Element frame) { std::move(frame).reset_as_unused(); }
};

TEST_F(ListTest, linked_list_push_pop) {
  List list;
  EXPECT_TRUE(list.is_empty());
  EXPECT_EQ(list.size(), 0u);
  list.push_front(frame(1, 1));
  EXPECT_EQ(list.size(), 1u);
  list.push_front(frame(2, 2));
  list.push_back(frame(3, 3));
  EXPECT_EQ(list.size(), 3u);
  EXPECT_FALSE(list.is_empty());

  auto cursor = list.cursor_front_mut();
  for (const u64 value : Values{2, 1, 3}) {
    ASSERT_NE(cursor.current_meta(), nullptr);
    EXPECT_EQ(cursor.current_meta()->value, value);
    cursor.move_next();
  }
  EXPECT_EQ(cursor.current_meta(), nullptr);  // The ghost,
  cursor.move_next();
  EXPECT_EQ(cursor.current_meta()->value, 2u);  // and from there to the front.

  const auto popped = [](List::Element frame) {
    const u64 value = frame.meta().meta().value;
    end(std::move(frame));
    return value;
  };
  EXPECT_EQ(popped(list.pop_front()), 2u);
  EXPECT_EQ(popped(list.pop_back()), 3u);
  EXPECT_EQ(list.size(), 1u);
  EXPECT_EQ(popped(list.pop_front()), 1u);
  EXPECT_TRUE(list.is_empty());
  EXPECT_EQ(list.size(), 0u);
  EXPECT_FALSE(list.pop_front());
  EXPECT_FALSE(list.pop_back());
}

TEST_F(ListTest, linked_list_cursor_at) {
  List list;
  for (const u64 i : Values{1, 2, 3}) list.push_back(frame(i, 10 + i));
  auto other = frame(4, 14);
  for (const u64 i : Values{1, 2, 3}) {
    EXPECT_TRUE(list.contains(page(i)));
    auto cursor = list.cursor_mut_at(page(i));
    ASSERT_TRUE(cursor.has_value());
    EXPECT_EQ(cursor->current_meta()->value, 10 + i);
  }
  EXPECT_FALSE(list.contains(page(4)));
  EXPECT_FALSE(list.cursor_mut_at(page(4)).has_value());
  end(list);
  end(std::move(other));
}

TEST_F(ListTest, linked_list_cursor_ops) {
  List list;
  list.push_back(frame(1, 1));
  auto cursor = list.cursor_front_mut();
  cursor.insert_before(frame(2, 2));
  EXPECT_EQ(cursor.current_meta()->value, 1u);
  cursor.insert_before(frame(3, 3));
  cursor.insert_before(frame(4, 4));
  cursor.move_next();
  EXPECT_EQ(cursor.current_meta(), nullptr);
  cursor.insert_before(frame(5, 5));
  EXPECT_EQ(cursor.current_meta(), nullptr);
  EXPECT_EQ(walked(list), (Values{2, 3, 4, 1, 5}));
  EXPECT_EQ(walked_back(list), (Values{5, 1, 4, 3, 2}));
  EXPECT_EQ(cursor.as_list().size(), 5u);

  const auto taken = [&] {
    auto frame = cursor.take_current();
    const u64 value = frame.meta().meta().value;
    end(std::move(frame));
    return value;
  };
  EXPECT_FALSE(cursor.take_current());  // At the ghost there is nothing to take.
  cursor.move_prev();
  EXPECT_EQ(taken(), 5u);  // At the back: to the ghost.
  EXPECT_EQ(cursor.current_meta(), nullptr);
  cursor.move_next();
  EXPECT_EQ(taken(), 2u);  // At the front: to the next.
  EXPECT_EQ(cursor.current_meta()->value, 3u);
  cursor.move_next();
  EXPECT_EQ(taken(), 4u);  // Between.
  EXPECT_EQ(cursor.current_meta()->value, 1u);
  EXPECT_EQ(walked(list), (Values{3, 1}));
  EXPECT_EQ(walked_back(list), (Values{1, 3}));
  end(list);
}

// What OSTD has no case for.

TEST_F(ListTest, what_is_in_no_list_is_not_in_a_new_one) {
  List list;
  EXPECT_FALSE(list.contains({1}));
  EXPECT_FALSE(list.contains(page(kPages)));
  EXPECT_EQ(list.id(), 0u) << "an id is not taken for what is no page";
  EXPECT_FALSE(list.contains(page(0)));
  EXPECT_NE(list.id(), 0u);
}

TEST_F(ListTest, no_two_lists_share_an_id) {
  List left, right;
  left.push_back(frame(1, 1));
  right.push_back(frame(2, 2));
  EXPECT_NE(left.id(), right.id());
  EXPECT_TRUE(left.contains(page(1)));
  EXPECT_FALSE(left.contains(page(2)));
  EXPECT_FALSE(right.contains(page(1)));

  // A page leaves with its id, and comes back with another's.
  right.push_front(left.pop_back());
  EXPECT_FALSE(left.contains(page(1)));
  EXPECT_TRUE(right.contains(page(1)));
  EXPECT_EQ(walked(right), (Values{1, 2}));
  end(right);
  EXPECT_EQ(mm::MetaSlot<P>::of(page(1))->in_list(), 0u);
}

TEST_F(ListTest, the_last_id_is_never_given) {
  P::globals().next_list_id.store(mm::MetaSlot<P>::kCountMax - 1, std::memory_order_relaxed);
  List last, none;
  EXPECT_FALSE(last.contains(page(0)));
  EXPECT_EQ(last.id(), mm::MetaSlot<P>::kCountMax - 1);
  EXPECT_EQ(panic_of([&] { (void)none.contains(page(0)); }), Panic::broken);
}

TEST_F(ListTest, frames_in_a_list_stay_unique) {
  List list;
  for (const u64 i : Values{1, 2, 3}) list.push_back(frame(i, i));
  EXPECT_EQ(mm::Frame<P>::from_in_use(page(2)).error(), mm::GetFrameError::unique);

  // Taken out, the one between is on its own again.
  auto cursor = *list.cursor_mut_at(page(2));
  cursor.current_meta()->value = 9;
  auto taken = cursor.take_current();
  EXPECT_EQ(taken.meta().meta().value, 9u);
  EXPECT_EQ(taken.meta().next(), nullptr);
  EXPECT_EQ(taken.meta().prev(), nullptr);
  end(std::move(taken));
  end(list);
}

TEST_F(ListTest, a_frame_that_is_in_a_list_cannot_be_put_in_another) {
  List list, other;
  for (const u64 i : Values{1, 2}) list.push_back(frame(i, i));
  auto stolen = List::Element::from_raw(page(1));
  EXPECT_EQ(panic_of([&] { other.push_back(std::move(stolen)); }), Panic::broken);
  ASSERT_TRUE(stolen);
  (void)std::move(stolen).into_raw();
  end(list);
}

struct Noted {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  Values* ended;
  u64 value;
  void on_drop(mm::PageBytes) noexcept { ended->push_back(value); }
};

TEST_F(ListTest, a_list_gives_its_frames_to_the_allocator_from_front_to_back) {
  Values ended;
  std::vector<PhysAddr> pages;
  {
    LinkedList<P, Noted> list;
    for (const u64 value : Values{1, 2, 3}) {
      pages.push_back(*P::alloc(kPage, kPage));
      list.push_front(
          UniqueFrame<P, Link<Noted>>::from_unused(pages.back(), Link(Noted{&ended, value}))
              .take());
    }
    EXPECT_EQ(free_pages(), kPages - kLoose - 3);
  }
  EXPECT_EQ(ended, (Values{3, 2, 1}));
}

// A link is what its payload is, but for the room that it takes.
struct Untyped24 {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::kernel_stack;
  static constexpr bool kIsUntyped = true;
  u64 words[3];
};
struct Large32 {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  u64 words[4];
};
static_assert(mm::UntypedFrameMeta<Link<Untyped24>>);
static_assert(Link<Untyped24>::kUsage == mm::PageUsage::kernel_stack);
static_assert(mm::FrameMeta<Large32> && !mm::FrameMeta<Link<Large32>>);
static_assert(!mm::kIsUntyped<Link<MockFrameMeta>>);

}  // namespace
