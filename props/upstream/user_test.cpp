// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its fallible readers and writers by, under their names there, on mm
// itself. There they are of the kernel's bytes, and so never fault but beyond an end; here they are
// of a user's, two pages with nothing behind.
#include "impl/vm/user.h"

#include <algorithm>
#include <array>
#include <span>

#include "props/upstream/spaces.h"

namespace {

using namespace upstream;
using mm::UserIoError, mm::usize;
using Reader = mm::UserReader<P>;
using Writer = mm::UserWriter<P>;

constexpr u64 kUsers = 16 * kPage, kEnd = kUsers + 2 * kPage;

class UserIoTest : public VmSpaceTest {
 protected:
  void SetUp() override {
    VmSpaceTest::SetUp();
    space.emplace(make());
    space->first_activate();
    auto cursor = cursor_mut(*space, kUsers, kEnd);
    map(cursor, R | W);
    map(cursor, R | W);
  }
  void TearDown() override {
    kernel->activate();
    space.reset();
    VmSpaceTest::TearDown();
  }

  Reader reader(u64 at, usize len) { return Reader::open(*space, {at}, len).take(); }
  Writer writer(u64 at, usize len) { return Writer::open(*space, {at}, len).take(); }
  void write(u64 at, std::span<const u8> bytes) {
    mm::VmReader<P> from(bytes);
    EXPECT_EQ(writer(at, bytes.size()).write(from).take(), bytes.size());
  }
  template <usize N>
  std::array<u8, N> read(u64 at) {
    std::array<u8, N> bytes{};
    mm::VmWriter<P> into(bytes);
    EXPECT_EQ(reader(at, N).read(into).take(), N);
    return bytes;
  }

  std::optional<VmSpace> space;
};

constexpr std::array<u8, 8> kEight = {1, 2, 3, 4, 5, 6, 7, 8};

TEST_F(UserIoTest, fallible_read_write) {
  write(kUsers + kPage - 3, kEight);
  Reader from = reader(kUsers + kPage - 3, 8);
  Writer into = writer(kUsers, 8);
  EXPECT_EQ(into.write(from).take(), 8u);
  EXPECT_EQ(read<8>(kUsers), kEight);
}

TEST_F(UserIoTest, partial_read_fallible) {
  write(kEnd - 8, kEight);
  std::array<u8, 4> buffer{};
  mm::VmWriter<P> small(buffer);
  Reader from = reader(kEnd - 8, 8);
  EXPECT_EQ(from.read(small).take(), 4u);
  EXPECT_EQ(from.remain(), 4u);
  EXPECT_EQ(buffer, (std::array<u8, 4>{1, 2, 3, 4}));

  std::array<u8, 8> large{};
  mm::VmWriter<P> into(large);
  from = reader(kEnd - 5, 8);
  const auto done = from.read(into);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().copied, 5u);
  EXPECT_EQ(from.remain(), 3u);
  EXPECT_EQ(into.avail(), 3u);
  EXPECT_EQ(large, (std::array<u8, 8>{4, 5, 6, 7, 8, 0, 0, 0}));
}

TEST_F(UserIoTest, partial_write_fallible) {
  mm::VmReader<P> from(kEight);
  Writer small = writer(kUsers, 4);
  EXPECT_EQ(small.write(from).take(), 4u);
  EXPECT_EQ(from.remain(), 4u);
  EXPECT_EQ(read<4>(kUsers), (std::array<u8, 4>{1, 2, 3, 4}));

  mm::VmReader<P> again(kEight);
  Writer into = writer(kEnd - 5, 8);
  const auto done = into.write(again);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().copied, 5u);
  EXPECT_EQ(again.remain(), 3u);
  EXPECT_EQ(into.avail(), 3u);
  EXPECT_EQ(read<5>(kEnd - 5), (std::array<u8, 5>{1, 2, 3, 4, 5}));
}

TEST_F(UserIoTest, read_write_val_fallible) {
  Writer into = writer(kUsers + 1, 8);
  EXPECT_TRUE(into.write_val(u32{0xdeadbeef}).ok());
  EXPECT_TRUE(into.write_val(u32{0xcafebabe}).ok());
  Reader from = reader(kUsers + 1, 8);
  EXPECT_EQ(from.read_val<u32>().take(), 0xdeadbeefu);
  EXPECT_EQ(from.read_val<u32>().take(), 0xcafebabeu);
  EXPECT_FALSE(from.has_remain() || into.has_avail());
}

TEST_F(UserIoTest, atomic_load_fallible) {
  write(kUsers, kEight);
  Reader from = reader(kUsers, 8);
  EXPECT_EQ(from.atomic_load().take(), 0x04030201u);
  EXPECT_EQ(from.remain(), 8u);  // It stays.
  EXPECT_EQ(from.skip(4).atomic_load().take(), 0x08070605u);
}

TEST_F(UserIoTest, atomic_compare_exchange_fallible) {
  write(kUsers, kEight);
  const Writer word = writer(kUsers, 4);
  const auto failed = word.atomic_compare_exchange(0, 9).take();
  EXPECT_EQ(failed.seen, 0x04030201u);
  EXPECT_FALSE(failed.is_swapped);
  const auto done = word.atomic_compare_exchange(failed.seen, 9).take();
  EXPECT_EQ(done.seen, failed.seen);
  EXPECT_TRUE(done.is_swapped);
  EXPECT_EQ(read<8>(kUsers), (std::array<u8, 8>{9, 0, 0, 0, 5, 6, 7, 8}));
}

TEST_F(UserIoTest, fill_zeros_fallible) {
  std::array<u8, 8> ones;
  ones.fill(0xff);
  write(kUsers, ones);
  Writer into = writer(kUsers, 8);
  EXPECT_EQ(into.fill_zeros(3).take(), 3u);
  EXPECT_EQ(into.avail(), 5u);
  EXPECT_EQ(read<4>(kUsers), (std::array<u8, 4>{0, 0, 0, 0xff}));
  EXPECT_EQ(into.fill_zeros(10).take(), 5u);
  EXPECT_EQ(into.fill_zeros(10).take(), 0u);
  EXPECT_EQ(read<8>(kUsers), (std::array<u8, 8>{}));
}

TEST_F(UserIoTest, invalid_args_read_write_fallible) {
  Reader from = reader(kUsers, 3);
  Writer into = writer(kUsers, 3);
  EXPECT_EQ(from.read_val<u32>().error(), UserIoError::invalid_args);
  EXPECT_EQ(from.atomic_load().error(), UserIoError::invalid_args);
  EXPECT_EQ(into.write_val(u32{1}).error(), UserIoError::invalid_args);
  EXPECT_EQ(into.atomic_compare_exchange(0, 1).error(), UserIoError::invalid_args);
  EXPECT_EQ(from.remain(), 3u);
  EXPECT_EQ(into.avail(), 3u);
}

}  // namespace
