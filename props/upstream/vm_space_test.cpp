// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its address spaces by, under their names there, on mm itself.
#include "impl/vm/io_mem.h"
#include "impl/vm/space.h"
#include "impl/vm/user.h"
#include "props/upstream/spaces.h"

namespace {

using namespace upstream;

TEST_F(VmSpaceTest, vmspace_creation) {
  const VmSpace space = make();
  auto cursor = Cursor::open(space, {0}, {kPage}).take();
  const auto found = cursor.query().take();
  EXPECT_EQ(found.range, (VirtRange{{0}, {kPage - 1}}));
  EXPECT_FALSE(found.item);
}

TEST_F(VmSpaceTest, vmspace_map_unmap) {
  const VmSpace space = make();
  PhysAddr at{};
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    at = map(cursor);
  }
  {
    auto cursor = Cursor::open(space, {kPage}, {2 * kPage}).take();
    EXPECT_EQ(cursor.virt_addr().value, kPage);
    const auto found = cursor.query().take();
    EXPECT_EQ(found.range, (VirtRange{{kPage}, {2 * kPage - 1}}));
    EXPECT_TRUE(found.item->is_tracked);
    EXPECT_EQ(found.item->at, at);
    EXPECT_EQ(found.item->property, user(R));
  }
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    EXPECT_EQ(cursor.unmap(kPage).pages, 1u);
  }
  auto cursor = Cursor::open(space, {kPage}, {2 * kPage}).take();
  EXPECT_FALSE(cursor.query().take().item);
}

// OSTD's panics.
TEST_F(VmSpaceTest, vmspace_map_twice) {
  const VmSpace space = make();
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    map(cursor);
  }
  auto cursor = cursor_mut(space, kPage, 2 * kPage);
  auto item = Item::tracked(frame(), user(R));
  EXPECT_EQ(cursor.map(std::move(item)).error(), PageTableError::already_mapped);
  EXPECT_TRUE(item.is_tracked());  // NOLINT(bugprone-use-after-move): it stays.
}

TEST_F(VmSpaceTest, vmspace_unmap_twice) {
  const VmSpace space = make();
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    map(cursor);
  }
  for (const u64 pages : {1u, 0u}) {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    EXPECT_EQ(cursor.unmap(kPage).pages, pages);
  }
  auto cursor = Cursor::open(space, {kPage}, {2 * kPage}).take();
  const auto found = cursor.query().take();
  EXPECT_EQ(found.range, (VirtRange{{kPage}, {2 * kPage - 1}}));
  EXPECT_FALSE(found.item);
}

// OSTD keeps which space a CPU is on by itself; here it is the root.
TEST_F(VmSpaceTest, vmspace_activate) {
  const VmSpace space = make(), other = make();
  const auto cpus = [](const VmSpace& one) {
    return mm::NodeView<VmSpace::Config>(one.root_paddr()).meta().cpus().peek();
  };
  space.first_activate();
  EXPECT_EQ(P::root(), space.root_paddr());
  EXPECT_EQ(cpus(space), 1u);
  other.activate();
  EXPECT_EQ(P::root(), other.root_paddr());
  EXPECT_EQ(cpus(space), 0u);
  EXPECT_EQ(cpus(other), 1u);
}

TEST_F(VmSpaceTest, cursor_mut_flusher) {
  const VmSpace space = make();
  PhysAddr at{};
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    at = map(cursor);
  }
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    cursor.flusher().issue_pages({kPage}, 1);
    (void)cursor.flusher().dispatch();
    cursor.flusher().sync();
  }
  auto cursor = Cursor::open(space, {kPage}, {2 * kPage}).take();
  const auto found = cursor.query().take();
  EXPECT_EQ(found.item->at, at);
  EXPECT_EQ(found.item->property, user(R));
}

TEST_F(VmSpaceTest, overlapping_cursors) {
  const VmSpace space = make();
  auto cursor = cursor_mut(space, kPage, 2 * kPage);
  EXPECT_EQ(CursorMut::open(space, {0x1800}, {0x2800}).error(), PageTableError::unaligned);
}

TEST_F(VmSpaceTest, protect_next) {
  const VmSpace space = make();
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    map(cursor, R | W);
  }
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    const auto range =
        cursor.protect_next(kPage, [](PageFlags& flags, CachePolicy&) noexcept { flags.bits = R; })
            .take();
    EXPECT_EQ(*range, (VirtRange{{kPage}, {2 * kPage - 1}}));
  }
  auto cursor = Cursor::open(space, {kPage}, {2 * kPage}).take();
  EXPECT_EQ(cursor.query().take().item->property, user(R));
}

TEST_F(VmSpaceTest, unaligned_unmap_panics) {
  const VmSpace space = make();
  auto cursor = cursor_mut(space, kPage, 2 * kPage);
  EXPECT_EQ(panic_of([&] { (void)cursor.unmap(0x800); }), Panic::bad_length);
}

TEST_F(VmSpaceTest, protect_out_range_page) {
  const VmSpace space = make();
  auto cursor = cursor_mut(space, kPage, 2 * kPage);
  EXPECT_EQ(panic_of([&] {
              (void)cursor.protect_next(
                  2 * kPage, [](PageFlags& flags, CachePolicy&) noexcept { flags.bits = R; });
            }),
            Panic::beyond_barrier);
}

// What of a space's devices OSTD has in the space, its owner has here.
constexpr u64 kIo = u64{1} << 44;
mm::IoMem device(u64 pages) { return mm::IoMem::of<P>({kIo, kIo + pages * kPage}).value(); }

TEST_F(VmSpaceTest, vmspace_map_query_iomem) {
  const VmSpace space = make();
  const mm::IoMem io = device(1);
  mm::IoMems mapped;
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    const auto run =
        mm::map_iomem(cursor, mapped, io, user(R | W, CachePolicy::uncacheable), kPage, 0);
    EXPECT_EQ(run.value().pages, 1u);
  }
  auto cursor = Cursor::open(space, {kPage}, {2 * kPage}).take();
  const auto found = cursor.query().take();
  EXPECT_EQ(found.range, (VirtRange{{kPage}, {2 * kPage - 1}}));
  EXPECT_FALSE(found.item->is_tracked);
  EXPECT_EQ(found.item->at.value, kIo);
  // BUG-54: without the mark.
  EXPECT_EQ(found.item->property, user(R | W, CachePolicy::uncacheable));
  for (const u64 offset : {0x0u, 0x80u}) {
    const auto whose = mapped.find_by_paddr({kIo + offset});
    ASSERT_TRUE(whose.has_value()) << offset;
    EXPECT_EQ(whose->io, io);
    EXPECT_EQ(whose->offset, offset);
  }
  EXPECT_FALSE(mapped.find_by_paddr({kIo + kPage}).has_value());
}

TEST_F(VmSpaceTest, vmspace_map_iomem_with_offset) {
  const VmSpace space = make();
  mm::IoMems mapped;
  {
    auto cursor = cursor_mut(space, kPage, 3 * kPage);
    const auto run = mm::map_iomem(cursor, mapped, device(3), user(R | W), 4 * kPage, kPage);
    EXPECT_EQ(run.value().pages, 2u) << "there are no more";
    EXPECT_EQ(cursor.virt_addr().value, 3 * kPage);
  }
  auto cursor = Cursor::open(space, {kPage}, {3 * kPage}).take();
  for (const u64 i : {1u, 2u}) {
    EXPECT_TRUE(cursor.jump({i * kPage}).ok());
    const auto found = cursor.query().take();
    EXPECT_EQ(found.item->at.value, kIo + i * kPage);
    EXPECT_FALSE(found.item->is_tracked);
  }
  EXPECT_EQ(mapped.find_by_paddr({kIo + 2 * kPage}).value().offset, 2 * kPage);
}

TEST_F(VmSpaceTest, vmspace_iomem_persistence) {
  const VmSpace space = make();
  mm::IoMems mapped;
  auto cursor = cursor_mut(space, kPage, 2 * kPage);
  (void)mm::map_iomem(cursor, mapped, device(1), user(R | W), kPage, 0);
  ASSERT_TRUE(cursor.jump({kPage}).ok());
  (void)cursor.unmap(kPage);
  EXPECT_TRUE(mapped.find_by_paddr({kIo}).has_value());
}

// Behind its end nothing is mapped, and nothing remembered; of no bytes it is; and each once.
TEST_F(VmSpaceTest, ADeviceIsRememberedOnce) {
  const VmSpace space = make();
  mm::IoMems mapped;
  auto cursor = cursor_mut(space, kPage, 3 * kPage);
  const auto map_some = [&](u64 len, u64 offset) {
    return mm::map_iomem(cursor, mapped, device(2), user(R | W), len, offset);
  };
  EXPECT_EQ(map_some(kPage, 2 * kPage).value().pages, 0u);
  EXPECT_TRUE(mapped.all().empty());
  EXPECT_EQ(panic_of([&] { (void)map_some(kPage, 8); }), Panic::bad_length);
  EXPECT_EQ(map_some(0, 0).value().pages, 0u);
  EXPECT_EQ(mapped.all().size(), 1u);
  EXPECT_EQ(map_some(kPage, kPage).value().pages, 1u);
  EXPECT_EQ(mapped.all().size(), 1u);
  for (u64 i = 1; i < mm::IoMems::kMost; ++i) mapped.add(device(2 + i));
  EXPECT_TRUE(map_some(kPage, 0).has_value()) << "it is among them";
  EXPECT_FALSE(mm::map_iomem(cursor, mapped, device(1), user(R), 0, 0).has_value());
}

// BUG-42, INV-8.
TEST_F(VmSpaceTest, MemoryIsNoDevices) {
  const u64 end = P::globals().max_paddr();
  EXPECT_TRUE(mm::IoMem::of<P>({end, end + kPage}).has_value());
  EXPECT_FALSE(mm::IoMem::of<P>({end - kPage, end + kPage}).has_value());
  EXPECT_FALSE(mm::IoMem::of<P>({0, kPage}).has_value());
  EXPECT_FALSE(mm::IoMem::of<P>({end, end}).has_value());
  EXPECT_FALSE(mm::IoMem::of<P>({kIo, kIo + 8}).has_value());
  EXPECT_FALSE(mm::IoMem::of<P>({kIo, (u64{1} << 52) + kPage}).has_value());
}

TEST_F(VmSpaceTest, vmspace_reader_writer) {
  const VmSpace space = make();
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    map(cursor, R | W);
  }
  const auto is_granted = [&](u64 len) {
    const bool may_read = mm::UserReader<P>::open(space, {kPage}, len).ok();
    EXPECT_EQ(mm::UserWriter<P>::open(space, {kPage}, len).ok(), may_read);
    return may_read;
  };
  EXPECT_FALSE(is_granted(kPage));  // Not active yet.
  space.first_activate();
  EXPECT_TRUE(is_granted(kPage));
  EXPECT_FALSE(is_granted(~u64{0}));
}

}  // namespace
