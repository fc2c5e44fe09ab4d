// SPDX-License-Identifier: MPL-2.0
// Readers and writers of a user's memory: who is denied, what a fault leaves, and that what a CPU
// still knows decides.
#include "impl/vm/user.h"

#include <algorithm>
#include <numeric>

#include "props/unit/spaces.h"

namespace {

using namespace spaces;
using mm::kUserEnd, mm::UserIoError;
using Reader = mm::UserReader<P>;
using Writer = mm::UserWriter<P>;
using Bytes = std::vector<u8>;

class UserTest : public Spaces {
 protected:
  void SetUp() override {
    Spaces::SetUp();
    activate(0, *space);
  }

  Reader reader(u64 va, usize len) { return Reader::open(*space, {va}, len).take(); }
  Writer writer(u64 va, usize len) { return Writer::open(*space, {va}, len).take(); }

  // What was copied, and whether it ended so.
  struct Done {
    usize bytes = 0;
    bool has_faulted = false;
    bool operator==(const Done&) const = default;
  };
  static Done done(mm::Result<usize, mm::PageFault> result) {
    if (result.ok()) return {result.take(), false};
    return {result.error().copied, true};
  }
  Done write(u64 va, const Bytes& from) {
    mm::VmReader<P> source(from);
    Writer into = writer(va, from.size());
    const Done result = done(into.write(source));
    EXPECT_EQ(source.remain(), from.size() - result.bytes);
    EXPECT_EQ(into.avail(), source.remain());
    EXPECT_EQ(into.cursor().value, va + result.bytes);
    return result;
  }
  // `into` keeps what lies behind a fault.
  Done read(u64 va, Bytes& into) {
    mm::VmWriter<P> target(into);
    Reader from = reader(va, into.size());
    const Done result = done(from.read(target));
    EXPECT_EQ(target.avail(), into.size() - result.bytes);
    EXPECT_EQ(from.remain(), target.avail());
    EXPECT_EQ(from.cursor().value, va + result.bytes);
    return result;
  }
  static Bytes counting(usize n) {
    Bytes bytes(n);
    std::iota(bytes.begin(), bytes.end(), u8{1});
    return bytes;
  }

  void map_raw(u64 va, u8 flags, PhysAddr at = {kIo}) {
    auto cursor = open(*space, va, va + kPage);
    EXPECT_TRUE(cursor.map(Item::untracked(at, 1, property(flags))).ok());
  }
  void unmap(u64 va) {
    auto cursor = open(*space, va, va + kPage);
    EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
  }
  // Without a flush.
  void protect(u64 va, u8 flags) {
    auto cursor = open(*space, va, va + kPage);
    const auto change = [&](PageFlags& old, CachePolicy&) noexcept { old.bits = flags; };
    EXPECT_TRUE(cursor.protect_next(kPage, change).take());
  }

  static u8& byte(PhysAddr page, u64 offset) { return mm::page_bytes<P>(page)[offset]; }
  static const mm::hosted::UserAccess& seen() { return P::user_access(); }
};

// --- Who is denied (POST-40)

TEST_F(UserTest, OnlyTheSpaceThatTheCpuTranslatesBy) {
  const Space other = make();
  const auto is_denied = [](const Space& one) {
    const bool is_reader = Reader::open(one, {kVa}, 1).ok(), is_writer = Writer::open(one, {kVa}, 1).ok();
    EXPECT_EQ(is_reader, is_writer);
    return !is_reader;
  };
  EXPECT_FALSE(is_denied(*space));
  EXPECT_TRUE(is_denied(other));
  on(1, [&] { EXPECT_TRUE(is_denied(*space)); });  // It has no table.
  activate(0, other);
  EXPECT_TRUE(is_denied(*space));
  EXPECT_FALSE(is_denied(other));
  activate(0, *kernel);
  EXPECT_TRUE(is_denied(other));
}

TEST_F(UserTest, OnlyUsersMemory) {
  const auto is_granted = [&](u64 va, u64 len) { return Reader::open(*space, {va}, len).ok(); };
  EXPECT_TRUE(is_granted(0, kUserEnd));
  EXPECT_FALSE(is_granted(0, kUserEnd + 1));
  EXPECT_TRUE(is_granted(0, 0));
  EXPECT_TRUE(is_granted(kUserEnd - 1, 1));
  EXPECT_FALSE(is_granted(kUserEnd - 1, 2));
  EXPECT_TRUE(is_granted(kUserEnd, 0));
  EXPECT_FALSE(is_granted(kUserEnd, 1));
  EXPECT_FALSE(is_granted(kUserEnd + 1, 0));
  for (const u64 len : {u64{0}, u64{1}, ~u64{0}}) {
    EXPECT_FALSE(is_granted(~u64{0}, len));
    EXPECT_FALSE(is_granted(mm::range_of_table<Kernel>().first.value, len));
  }
  for (const u64 va : {u64{1}, kVa, kUserEnd}) EXPECT_FALSE(is_granted(va, ~u64{0}));
  EXPECT_FALSE(is_granted(kVa, u64{0} - kVa));
}

// --- Copies

TEST_F(UserTest, CopiesAcrossPages) {
  const PhysAddr first = map(kVa), second = map(kVa + kPage), third = map(kVa + 2 * kPage);
  const Bytes bytes = counting(kPage + 6);
  EXPECT_EQ(write(kVa + kPage - 3, bytes), (Done{kPage + 6, false}));
  EXPECT_EQ(byte(first, kPage - 1), 3);
  EXPECT_EQ(byte(second, 0), 4);
  EXPECT_EQ(byte(third, 2), bytes.back());
  EXPECT_EQ(seen().walked, 0b111u);
  EXPECT_EQ(seen().pages, (std::array<PhysAddr, 3>{first, second, third}));
  Bytes back(bytes.size());
  EXPECT_EQ(read(kVa + kPage - 3, back), (Done{kPage + 6, false}));
  EXPECT_EQ(back, bytes);
  EXPECT_EQ(seen().walked, 0u);
}

TEST_F(UserTest, NoBytesTouchNothing) {
  Bytes none;
  EXPECT_EQ(read(kVa, none), Done{});
  EXPECT_EQ(write(kVa, none), Done{});
  EXPECT_EQ(done(writer(kVa, 0).fill_zeros(5)), Done{});
  EXPECT_EQ(seen().walked, 0u);
}

// In the middle of a run of pages.
TEST_F(UserTest, AFaultLeavesWhatWasCopiedBefore) {
  const PhysAddr first = map(kVa);
  map(kVa + 2 * kPage);
  EXPECT_EQ(write(kVa + kPage - 5, counting(8)), (Done{5, true}));
  EXPECT_EQ(byte(first, kPage - 1), 5);
  EXPECT_EQ(seen().walked, 0b11u);
  EXPECT_EQ(seen().pages, (std::array<PhysAddr, 3>{first}));
  EXPECT_EQ(seen().error_code, 2u);  // A store; absent.
  Bytes back(kPage + 10, 0xee);
  EXPECT_EQ(read(kVa + kPage - 5, back), (Done{5, true}));
  EXPECT_EQ(Bytes(back.begin(), back.begin() + 6), (Bytes{1, 2, 3, 4, 5, 0xee}));
  EXPECT_EQ(seen().walked, 0b10u);
  EXPECT_EQ(seen().error_code, 0u);
  EXPECT_EQ(read(kVa + kPage, back), (Done{0, true}));
}

TEST_F(UserTest, WithoutTheRightToWriteNothingIsWritten) {
  const PhysAddr page = map(kVa);
  protect(kVa, R);
  byte(page, 0) = 9;
  EXPECT_EQ(write(kVa, {1}), (Done{0, true}));
  EXPECT_EQ(seen().error_code, 3u);
  EXPECT_EQ(byte(page, 0), 9);
  Bytes back(1);
  EXPECT_EQ(read(kVa, back), (Done{1, false}));
  EXPECT_EQ(back[0], 9);
}

// Whatever EFLAGS.AC is, and SMAP.
TEST_F(UserTest, SupervisorsMayTouchUsersPages) {
  map(kVa);
  P::set_control(true, true, true, true);
  EXPECT_EQ(write(kVa, {1}), (Done{1, false}));
  EXPECT_FALSE(check::machine::cpus[0].control.ac);
}

TEST_F(UserTest, OfADeviceThereIsNoMemory) {
  constexpr u64 kAt = kIo + 7 * kPage;
  map_raw(kVa, R | W, {kAt});
  EXPECT_EQ(write(kVa + 1, {1, 2, 3}), (Done{3, false}));
  Bytes back(3);
  EXPECT_EQ(read(kVa + 1, back), (Done{3, false}));
  EXPECT_EQ(back, Bytes(3, 7));
  EXPECT_EQ(seen().pages[0].value, kAt);
}

TEST_F(UserTest, StaleTranslationsDecide) {
  const PhysAddr page = map(kVa);
  activate(1, *space);
  on(1, [&] { EXPECT_EQ(write(kVa, {1}), (Done{1, false})); });
  protect(kVa, R);
  on(1, [&] {
    EXPECT_EQ(write(kVa, {2}), (Done{1, false}));
    EXPECT_EQ(seen().walked, 0u);
  });
  EXPECT_EQ(byte(page, 0), 2);
  unmap(kVa);
  on(1, [&] {
    Bytes back(1);
    EXPECT_EQ(read(kVa, back), (Done{1, false}));
    EXPECT_EQ(back[0], 2);
    EXPECT_TRUE(P::take_interrupt());
    EXPECT_EQ(read(kVa, back), (Done{0, true}));
    EXPECT_EQ(seen().walked, 1u);
  });
}

// A fault by what was known, though memory says otherwise by now; it does not recur.
TEST_F(UserTest, AStaleFaultDoesNotRecur) {
  map(kVa);
  protect(kVa, R);
  Bytes back(1);
  EXPECT_EQ(read(kVa, back), (Done{1, false}));
  protect(kVa, R | W);
  EXPECT_EQ(write(kVa, {1}), (Done{0, true}));
  EXPECT_EQ(seen().walked, 0u);
  EXPECT_EQ(seen().error_code, 3u);
  EXPECT_EQ(write(kVa, {1}), (Done{1, false}));
}

TEST_F(UserTest, LimitsAndSkips) {
  map(kVa);
  EXPECT_EQ(write(kVa, counting(16)).bytes, 16u);
  EXPECT_EQ(reader(kVa, 16).skip(3).read_val<u8>().take(), 4);
  EXPECT_EQ(reader(kVa, 16).limit(3).remain(), 3u);
  EXPECT_EQ(reader(kVa, 16).limit(~u64{0}).remain(), 16u);
  EXPECT_EQ(writer(kVa, 16).skip(16).limit(3).avail(), 0u);
  EXPECT_EQ(P::guarded([&] { reader(kVa, 16).skip(17); }), Panic::beyond_end);
  EXPECT_EQ(P::guarded([&] { writer(kVa, 16).skip(~u64{0}); }), Panic::beyond_end);

  Bytes small(4);
  mm::VmWriter<P> into(small);
  Reader from = reader(kVa, 16);
  EXPECT_EQ(done(from.read(into)), (Done{4, false}));
  EXPECT_EQ(from.remain(), 12u);
  EXPECT_EQ(small, counting(4));
}

// --- Values

TEST_F(UserTest, ValuesAreHadWhole) {
  const PhysAddr page = map(kVa);
  Writer into = writer(kVa + kPage - 12, 20);
  EXPECT_TRUE(into.write_val(u64{0x0807060504030201}).ok());
  EXPECT_EQ(into.write_val(u64{0x1817161514131211}).error(), UserIoError::page_fault);
  EXPECT_EQ(into.avail(), 12u);
  EXPECT_EQ(byte(page, kPage - 1), 0x14);  // Some of it is there.
  Reader from = reader(kVa + kPage - 12, 20);
  EXPECT_EQ(from.read_val<u64>().take(), 0x0807060504030201u);
  EXPECT_EQ(from.read_val<u64>().error(), UserIoError::page_fault);
  EXPECT_EQ(from.cursor().value, kVa + kPage - 4);
  EXPECT_EQ(from.read_val<u32>().take(), 0x14131211u);
  EXPECT_EQ(from.limit(3).read_val<u32>().error(), UserIoError::invalid_args);
  EXPECT_EQ(into.limit(7).write_val(u64{0}).error(), UserIoError::invalid_args);
}

TEST_F(UserTest, ZerosUpToAFault) {
  const PhysAddr first = map(kVa), second = map(kVa + kPage);
  for (const PhysAddr page : {first, second}) std::fill_n(&byte(page, 0), kPage, u8{5});
  Writer into = writer(kVa + 1, 3 * kPage);
  EXPECT_EQ(done(into.fill_zeros(1000)), (Done{1000, false}));
  EXPECT_EQ(into.cursor().value, kVa + 1001);
  EXPECT_EQ(byte(first, 0), 5);
  EXPECT_EQ(byte(first, 1000), 0);
  EXPECT_EQ(byte(first, 1001), 5);
  EXPECT_EQ(done(into.fill_zeros(~u64{0})), (Done{2 * kPage - 1001, true}));
  EXPECT_EQ(into.cursor().value, kVa + 2 * kPage);
  EXPECT_EQ(std::count(&byte(second, 0), &byte(second, 0) + kPage, 0), 4096);
}

TEST_F(UserTest, FromAUserToAUser) {
  const PhysAddr first = map(kVa), second = map(kVa + kPage);
  for (u64 i = 0; i < kPage; ++i) byte(first, i) = static_cast<u8>(i * 7);
  Reader from = reader(kVa, kPage);
  Writer into = writer(kVa + kPage, 2 * kPage);
  EXPECT_EQ(done(into.write(from)), (Done{kPage, false}));
  EXPECT_TRUE(std::equal(&byte(first, 0), &byte(first, 0) + kPage, &byte(second, 0)));
  EXPECT_FALSE(from.has_remain());
  EXPECT_EQ(into.avail(), kPage);

  // Faults on either side.
  from = reader(kVa + kPage + 3000, 2 * kPage);
  into = writer(kVa + 3, 2 * kPage);
  EXPECT_EQ(done(from.read(into)), (Done{1096, true}));
  EXPECT_EQ(from.cursor().value, kVa + 2 * kPage);
  EXPECT_EQ(into.cursor().value, kVa + 3 + 1096);
  from = reader(kVa, kPage);
  into = writer(kVa + 2 * kPage - 700, kPage);
  EXPECT_EQ(done(from.read(into)), (Done{700, true}));
  EXPECT_EQ(from.cursor().value, kVa + 700);
}

// --- Words

TEST_F(UserTest, LoadsAWord) {
  map(kVa);
  EXPECT_EQ(write(kVa, counting(16)).bytes, 16u);
  EXPECT_EQ(reader(kVa + 4, 4).atomic_load().take(), 0x08070605u);
  EXPECT_EQ(reader(kVa + 4, 3).atomic_load().error(), UserIoError::invalid_args);
  EXPECT_EQ(reader(kVa + 5, 3).atomic_load().error(), UserIoError::invalid_args);
  EXPECT_EQ(reader(kVa + kPage, 4).atomic_load().error(), UserIoError::page_fault);
  EXPECT_EQ(seen().error_code, 0u);
  EXPECT_EQ(P::guarded([&] { (void)reader(kVa + 6, 4).atomic_load(); }), Panic::misaligned);
  map_raw(kVa + kPage, R, {kIo + 3 * kPage});
  EXPECT_EQ(reader(kVa + kPage, 4).atomic_load().take(), 0x03030303u);
}

TEST_F(UserTest, ExchangesAWord) {
  const PhysAddr page = map(kVa);
  EXPECT_EQ(write(kVa, counting(16)).bytes, 16u);
  const auto exchange = [&](u64 va, u32 expected, u32 desired) {
    return writer(va, 4).atomic_compare_exchange(expected, desired);
  };
  const auto no = exchange(kVa + 8, 1, 2).take();
  EXPECT_EQ(no.seen, 0x0c0b0a09u);
  EXPECT_FALSE(no.is_swapped);
  EXPECT_EQ(byte(page, 8), 9);
  const auto yes = exchange(kVa + 8, no.seen, 0xf4f3f2f1).take();
  EXPECT_EQ(yes.seen, no.seen);
  EXPECT_TRUE(yes.is_swapped);
  EXPECT_EQ(byte(page, 8), 0xf1);
  EXPECT_EQ(byte(page, 11), 0xf4);
  EXPECT_EQ(byte(page, 7), 8);
  EXPECT_EQ(byte(page, 12), 13);
  EXPECT_EQ(writer(kVa, 3).atomic_compare_exchange(0, 0).error(), UserIoError::invalid_args);
  EXPECT_EQ(P::guarded([&] { (void)exchange(kVa + 9, 0, 0); }), Panic::misaligned);
  EXPECT_EQ(exchange(kVa + kPage, 0, 0).error(), UserIoError::page_fault);
  EXPECT_EQ(seen().error_code, 2u);
}

// It is a store, whatever comes of it.
TEST_F(UserTest, AnExchangeIsAStore) {
  map(kVa);
  const auto is_dirty = [&] {
    return (space->page_walk({kVa})->property.flags.bits & PageFlags::kDirty) != 0;
  };
  Bytes back(1);
  EXPECT_EQ(read(kVa, back).bytes, 1u);
  EXPECT_FALSE(is_dirty());
  EXPECT_FALSE(writer(kVa, 4).atomic_compare_exchange(0x12345678, 1).take().is_swapped);
  EXPECT_TRUE(is_dirty());
  EXPECT_EQ(seen().walked, 1u);
  protect(kVa, R);
  P::flush_page({kVa});
  EXPECT_EQ(writer(kVa, 4).atomic_compare_exchange(0x12345678, 1).error(), UserIoError::page_fault);
  EXPECT_EQ(seen().error_code, 3u);
}

}  // namespace
