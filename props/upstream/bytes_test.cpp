// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its infallible readers and writers by, under their names there, on mm
// itself. Behind them, what they leave unsaid.
#include <algorithm>
#include <array>
#include <vector>

#include "impl/frame/alloc_options.h"
#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::FrameAllocOptions, mm::Panic, mm::UFrame, mm::USegment, mm::VmIoError;
using Reader = mm::VmReader<P>;
using Writer = mm::VmWriter<P>;

constexpr std::array<u8, 5> kSlice = {1, 2, 3, 4, 5};

class BytesTest : public Booted {
 protected:
  static UFrame<P> frame() { return FrameAllocOptions<P>().alloc_frame().take(); }
  static USegment<P> segment(u64 pages) {
    return FrameAllocOptions<P>().alloc_segment(pages).take();
  }
  static std::vector<u8> bytes(Reader reader) {
    std::vector<u8> bytes(reader.remain());
    Writer writer(bytes);
    EXPECT_EQ(reader.read(writer), bytes.size());
    return bytes;
  }
};

std::vector<u8> head(const std::vector<u8>& bytes, u64 count) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST_F(BytesTest, untyped_frame_reader_writer) {
  const auto page = frame();
  auto writer = page.writer();
  EXPECT_EQ(writer.avail(), kPage);
  Reader slice(kSlice);
  EXPECT_EQ(writer.write(slice), kSlice.size());
  EXPECT_EQ(writer.avail(), kPage - kSlice.size());
  EXPECT_FALSE(slice.has_remain());

  auto reader = page.reader();
  EXPECT_EQ(reader.remain(), kPage);
  std::array<u8, 5> read{};
  Writer into(read);
  EXPECT_EQ(reader.read(into), read.size());
  EXPECT_EQ(read, kSlice);
}

TEST_F(BytesTest, untyped_segment_reader_writer) {
  const auto pages = segment(2);
  EXPECT_EQ(pages.reader().remain(), 2 * kPage);
  auto writer = pages.writer();
  writer.skip(kPage - 2);  // Across the pages' boundary.
  Reader slice(kSlice);
  EXPECT_EQ(writer.write(slice), kSlice.size());
  auto reader = pages.reader();
  reader.skip(kPage - 2).limit(kSlice.size());
  EXPECT_EQ(bytes(reader), std::vector<u8>(kSlice.begin(), kSlice.end()));
}

TEST_F(BytesTest, read_write_u32_infallible) {
  const auto page = frame();
  ASSERT_TRUE(page.writer().write_val(u32{0xdeadbeef}).ok());
  EXPECT_EQ(page.reader().read_val<u32>().take(), 0xdeadbeefu);
}

TEST_F(BytesTest, read_write_slice_infallible) {
  const auto page = frame();
  auto writer = page.writer();
  Reader slice(kSlice);
  EXPECT_EQ(writer.write(slice), kSlice.size());
  EXPECT_EQ(head(bytes(page.reader()), 6), (std::vector<u8>{1, 2, 3, 4, 5, 0}));
}

struct TestStruct {
  u32 a;
  u64 b;
  bool operator==(const TestStruct&) const = default;
};

TEST_F(BytesTest, read_write_struct_infallible) {
  const auto page = frame();
  auto writer = page.writer();
  writer.skip(3);  // No alignment is asked for.
  constexpr TestStruct kWritten{.a = 12345678, .b = 87654321};
  ASSERT_TRUE(writer.write_val(kWritten).ok());
  auto reader = page.reader();
  EXPECT_EQ(reader.skip(3).read_val<TestStruct>().take(), kWritten);
  EXPECT_EQ(reader.remain(), kPage - 3 - sizeof(TestStruct));
}

TEST_F(BytesTest, read_beyond_buffer_infallible) {
  const auto page = frame();
  auto reader = page.reader();
  reader.skip(kPage - 3);
  EXPECT_EQ(reader.read_val<u32>().error(), VmIoError::invalid_args);
  EXPECT_EQ(reader.read_once<u32>().error(), VmIoError::invalid_args);
  EXPECT_EQ(reader.remain(), 3u);
}

TEST_F(BytesTest, write_beyond_buffer_infallible) {
  const auto page = frame();
  auto writer = page.writer();
  writer.skip(kPage - 3);
  EXPECT_EQ(writer.write_val(u32{1}).error(), VmIoError::invalid_args);
  EXPECT_EQ(writer.write_once(u32{1}).error(), VmIoError::invalid_args);
  EXPECT_EQ(writer.avail(), 3u);
}

TEST_F(BytesTest, fill_infallible) {
  const auto page = frame();
  auto writer = page.writer();
  EXPECT_EQ(writer.fill(u8{0xff}), kPage);
  EXPECT_FALSE(writer.has_avail());
  EXPECT_EQ(bytes(page.reader()), std::vector<u8>(kPage, 0xff));
}

TEST_F(BytesTest, skip_read_infallible) {
  Reader reader(kSlice);
  EXPECT_EQ(reader.skip(2).read_val<u8>().take(), 3);
  EXPECT_EQ(reader.cursor(), kSlice.data() + 3);
}

TEST_F(BytesTest, skip_write_infallible) {
  std::array<u8, 5> buffer{};
  Writer writer(buffer);
  ASSERT_TRUE(writer.skip(2).write_val(u8{9}).ok());
  EXPECT_EQ(buffer, (std::array<u8, 5>{0, 0, 9, 0, 0}));
  EXPECT_EQ(writer.cursor(), buffer.data() + 3);
}

TEST_F(BytesTest, limit_read_infallible) {
  EXPECT_EQ(bytes(Reader(kSlice).limit(3)), (std::vector<u8>{1, 2, 3}));
  EXPECT_EQ(Reader(kSlice).limit(~u64{0}).remain(), kSlice.size());
}

TEST_F(BytesTest, limit_write_infallible) {
  std::array<u8, 5> buffer{};
  Writer writer(buffer);
  Reader slice(kSlice);
  EXPECT_EQ(writer.limit(3).write(slice), 3u);
  EXPECT_EQ(slice.remain(), 2u);
  EXPECT_EQ(buffer, (std::array<u8, 5>{1, 2, 3, 0, 0}));
  EXPECT_EQ(Writer(buffer).limit(~u64{0}).avail(), buffer.size());
}

TEST_F(BytesTest, read_write_slice_vmio_infallible) {
  const auto page = frame();
  Reader slice(kSlice);
  EXPECT_EQ(page.writer().skip(2).write(slice), kSlice.size());
  EXPECT_EQ(head(bytes(page.reader()), 8), (std::vector<u8>{0, 0, 1, 2, 3, 4, 5, 0}));
}

TEST_F(BytesTest, read_write_once_infallible) {
  const auto page = frame();
  auto writer = page.writer();
  auto reader = page.reader();
  ASSERT_TRUE(writer.write_once(u64{0x0123456789abcdef}).ok());
  ASSERT_TRUE(writer.write_once(u32{0xdeadbeef}).ok());
  ASSERT_TRUE(writer.write_once(u8{7}).ok());
  EXPECT_EQ(reader.read_once<u64>().take(), 0x0123456789abcdefu);
  EXPECT_EQ(reader.read_once<u32>().take(), 0xdeadbeefu);
  EXPECT_EQ(reader.read_once<u8>().take(), 7);
  EXPECT_EQ(panic_of([&] { (void)reader.read_once<mm::u16>(); }), Panic::misaligned);
  EXPECT_EQ(panic_of([&] { (void)writer.write_once(mm::u16{1}); }), Panic::misaligned);
  EXPECT_EQ(reader.remain(), kPage - 13);
  EXPECT_EQ(writer.avail(), kPage - 13);
}

TEST_F(BytesTest, write_val_infallible) {
  std::array<u8, 8> buffer{};
  Writer writer(buffer);
  ASSERT_TRUE(writer.write_val(u32{0x04030201}).ok());
  ASSERT_TRUE(writer.write_val(u32{0x08070605}).ok());
  EXPECT_EQ(writer.write_val(u8{9}).error(), VmIoError::invalid_args);
  EXPECT_EQ(buffer, (std::array<u8, 8>{1, 2, 3, 4, 5, 6, 7, 8}));
}

// There a length is too large for an address; here it is too large for what there is.
TEST_F(BytesTest, invalid_read_write_infallible) {
  const auto page = frame();
  for (const u64 length : {kPage + 1, ~u64{0}}) {
    EXPECT_EQ(panic_of([&] { page.reader().skip(length); }), Panic::beyond_end);
    EXPECT_EQ(panic_of([&] { page.writer().skip(length); }), Panic::beyond_end);
  }
  EXPECT_FALSE(page.reader().skip(kPage).has_remain());
  EXPECT_FALSE(page.writer().skip(kPage).has_avail());
}

TEST_F(BytesTest, fill_zeros_segment) {
  const auto pages = segment(2);
  pages.writer().fill(u8{1});
  auto writer = pages.writer();
  EXPECT_EQ(writer.skip(kPage - 1).fill_zeros(2), 2u);
  EXPECT_EQ(writer.avail(), kPage - 1);
  const std::vector<u8> after = bytes(pages.reader());
  EXPECT_EQ(std::count(after.begin(), after.end(), 0), 2);
  EXPECT_EQ(after[kPage - 1] | after[kPage], 0);
  EXPECT_EQ(writer.fill_zeros(~u64{0}), kPage - 1);
  EXPECT_EQ(writer.fill_zeros(1), 0u);
}

TEST_F(BytesTest, write_slice_segment) {
  const auto pages = segment(1);
  Reader slice(kSlice);
  EXPECT_EQ(pages.writer().write(slice), kSlice.size());
  EXPECT_EQ(head(bytes(pages.reader()), 6), (std::vector<u8>{1, 2, 3, 4, 5, 0}));
}

TEST_F(BytesTest, read_val_segment) {
  const auto pages = segment(2);
  ASSERT_TRUE(pages.writer().skip(kPage - 2).write_val(u32{0x12345678}).ok());
  EXPECT_EQ(pages.reader().skip(kPage - 2).read_val<u32>().take(), 0x12345678u);
}

TEST_F(BytesTest, read_slice_segment) {
  const auto pages = segment(1);
  pages.writer().skip(1).limit(3).fill(u8{8});
  EXPECT_EQ(head(bytes(pages.reader()), 5), (std::vector<u8>{0, 8, 8, 8, 0}));
}

// What OSTD has no case for.

TEST_F(BytesTest, a_filling_is_aligned_and_comes_out_even) {
  const auto page = frame();
  const auto refused = [](Writer writer) {
    const u64 before = writer.avail();
    const bool is = panic_of([&] { writer.fill(u32{7}); }) == Panic::misaligned;
    return is && writer.avail() == before;
  };
  EXPECT_TRUE(refused(page.writer().skip(2)));
  EXPECT_TRUE(refused(page.writer().limit(6)));
  EXPECT_TRUE(refused(page.writer().skip(1).limit(8)));
  auto writer = page.writer();
  EXPECT_EQ(writer.skip(4).limit(8).fill(u32{7}), 2u);
  EXPECT_EQ(head(bytes(page.reader()), 13),
            (std::vector<u8>{0, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0, 0}));
}

TEST_F(BytesTest, what_is_read_overlaps_what_is_written) {
  for (const bool is_up : {true, false}) {
    std::array<u8, 8> buffer = {1, 2, 3, 4, 5, 6, 7, 8};
    Reader reader(buffer);
    Writer writer(buffer);
    is_up ? (void)writer.skip(2) : (void)reader.skip(2);
    EXPECT_EQ(reader.read(writer), 6u);
    EXPECT_EQ(buffer, is_up ? (std::array<u8, 8>{1, 2, 1, 2, 3, 4, 5, 6})
                            : (std::array<u8, 8>{3, 4, 5, 6, 7, 8, 7, 8}));
  }
}

TEST_F(BytesTest, nothing_can_be_read_and_written) {
  Reader reader(std::span<const u8>{});
  Writer writer(std::span<u8>{});
  EXPECT_EQ(reader.read(writer), 0u);
  EXPECT_EQ(writer.fill(u64{1}), 0u);
  EXPECT_EQ(writer.fill_zeros(3), 0u);
  EXPECT_EQ(reader.skip(0).remain(), 0u);
}

}  // namespace
