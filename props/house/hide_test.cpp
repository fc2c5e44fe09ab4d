// SPDX-License-Identifier: MPL-2.0
// What nobody owns cannot be touched unnoticed: under AddressSanitizer the bytes of unowned pages,
// and what unused slots held, are poisoned. What somebody owns is not.
#include <gtest/gtest.h>

#include "check/machine/sanitizer.h"
#include "impl/frame/kinds.h"
#include "impl/frame/unique_frame.h"
#include "impl/hosted/platform.h"

namespace {

using P = mm::Hosted;
using Slot = mm::MetaSlot<P>;
using mm::Frame, mm::PhysAddr, mm::u64, mm::u8, mm::UniqueFrame;

constexpr PhysAddr kPage{mm::kPageSize};  // The page that is used;
constexpr PhysAddr kOther{0};             // another that never is.

struct Value {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  u64 value;
};

u64* words_of_slot(PhysAddr at) { return reinterpret_cast<u64*>(Slot::of(at)); }
constexpr int kCount = 5, kVTable = 6, kInList = 7;

class Hide : public testing::Test {
 protected:
  void SetUp() override {
#if !PAGETWIN_ASAN
    GTEST_SKIP() << "only AddressSanitizer knows what is hidden, and this build is without it";
#endif
    check::machine::power_on();
    P::globals().pages = 2;
    ::new (static_cast<void*>(&P::globals().allocator)) mm::Allocator<P>();  // With no memory.
    Slot::init(0, 2);
  }
};

#if PAGETWIN_ASAN
bool is_hidden(const void* at) { return __asan_address_is_poisoned(at) != 0; }
#else
bool is_hidden(const void*) { return false; }
#endif

// All bytes of the page are hidden, or none is.
bool is_page_hidden(PhysAddr at) {
  const u8* const bytes = mm::page_bytes<P>(at);
  int hidden = 0;
  for (u64 i = 0; i < mm::kPageSize; ++i) hidden += is_hidden(bytes + i) ? 1 : 0;
  EXPECT_TRUE(hidden == 0 || hidden == mm::kPageSize) << hidden;
  return hidden != 0;
}

// Storage and vtable are hidden, or neither; count and list are for all to see.
bool is_metadata_hidden(PhysAddr at) {
  const u64* const words = words_of_slot(at);
  EXPECT_FALSE(is_hidden(words + kCount));
  EXPECT_FALSE(is_hidden(words + kInList));
  int hidden = 0;
  for (int i = 0; i < kCount; ++i) hidden += is_hidden(words + i) ? 1 : 0;
  hidden += is_hidden(words + kVTable) ? 1 : 0;
  EXPECT_TRUE(hidden == 0 || hidden == kCount + 1) << hidden;
  return hidden != 0;
}

TEST_F(Hide, WhatIsUnusedIsHiddenAndWhatIsSharedIsNot) {
  EXPECT_TRUE(is_page_hidden(kPage) && is_metadata_hidden(kPage));
  {
    auto frame = Frame<P, Value>::from_unused(kPage, {1}).take();
    EXPECT_FALSE(is_page_hidden(kPage) || is_metadata_hidden(kPage));
    const auto other = frame.clone();
    (void)drop(std::move(frame));
    EXPECT_FALSE(is_page_hidden(kPage) || is_metadata_hidden(kPage));
    EXPECT_TRUE(is_page_hidden(kOther) && is_metadata_hidden(kOther));
  }
  EXPECT_TRUE(is_page_hidden(kPage) && is_metadata_hidden(kPage));
}

TEST_F(Hide, WhatIsUniqueIsShown) {
  auto frame = UniqueFrame<P, Value>::from_unused(kPage, {1}).take();
  EXPECT_FALSE(is_page_hidden(kPage) || is_metadata_hidden(kPage));
  auto other = std::move(frame).repurpose(mm::EmptyMeta{});
  EXPECT_FALSE(is_page_hidden(kPage) || is_metadata_hidden(kPage));
  std::move(other).reset_as_unused();
  EXPECT_TRUE(is_page_hidden(kPage) && is_metadata_hidden(kPage));
}

// The page's bytes are its owner's while on_drop runs; the storage is nobody's from the destructor
// on until something new is written.
struct Old {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  static inline bool were_bytes_shown = false;
  void on_drop(mm::PageBytes bytes) noexcept { were_bytes_shown = !is_hidden(bytes.data()); }
};
struct New {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  static inline bool was_storage_hidden = false;
  New() noexcept {}
  New(const New&) noexcept { was_storage_hidden |= is_hidden(words_of_slot(kPage)); }
};

TEST_F(Hide, StorageIsHiddenBetweenOldAndNewMetadata) {
  auto frame = UniqueFrame<P, Old>::from_unused(kPage, Old()).take();
  New::was_storage_hidden = false;
  auto next = std::move(frame).repurpose(New());  // Hands the new on, after the old has ended.
  EXPECT_TRUE(Old::were_bytes_shown);
  EXPECT_TRUE(New::was_storage_hidden);
  EXPECT_FALSE(is_metadata_hidden(kPage));
  std::move(next).reset_as_unused();
}

// Reports are not only possible, they are made: each of these ends the process.

using HideDeathTest = Hide;

TEST_F(HideDeathTest, ReadingTheMetadataOfAnUnusedSlotIsReported) {
  EXPECT_DEATH((void)*static_cast<volatile u64*>(words_of_slot(kPage)), "use-after-poison");
}
TEST_F(HideDeathTest, ReadingTheTypeOfAnUnusedSlotIsReported) {
  EXPECT_DEATH((void)*static_cast<volatile u64*>(words_of_slot(kPage) + kVTable),
               "use-after-poison");
}
TEST_F(HideDeathTest, WritingToAPageThatNobodyOwnsIsReported) {
  EXPECT_DEATH(*static_cast<volatile u8*>(mm::page_bytes<P>(kPage) + 4095) = 1, "use-after-poison");
}
TEST_F(HideDeathTest, UsingMetadataAfterTheLastDropIsReported) {
  auto frame = Frame<P, Value>::from_unused(kPage, {1}).take();
  const volatile u64& value = frame.meta().value;
  EXPECT_EQ(value, 1u);
  (void)drop(std::move(frame));
  EXPECT_DEATH((void)+value, "use-after-poison");
}

}  // namespace
