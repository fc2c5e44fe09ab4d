// SPDX-License-Identifier: MPL-2.0
// The cases that OSTD tests its address spaces by, under their names there, on mm itself. Its cases
// of readers and writers, and of remembering which device's memory was mapped, are of what this mm
// has not got.
#include "impl/vm/space.h"

#include "impl/frame/alloc_options.h"
#include "props/upstream/booted.h"

namespace {

using namespace upstream;
using mm::CachePolicy, mm::PageFlags, mm::PageProperty, mm::PageTableError, mm::Panic,
    mm::PrivilegedPageFlags, mm::VirtRange;
using Kernel = mm::KernelConfig<P, 508, 512>;
using VmSpace = mm::VmSpace<P>;
using CursorMut = mm::SpaceCursorMut<P>;
using Cursor = mm::Cursor<mm::SpaceConfig<P>>;
using Item = CursorMut::Item;

constexpr u8 R = PageFlags::kReadable, W = PageFlags::kWritable;
constexpr PageProperty user(u8 flags, CachePolicy cache = CachePolicy::write_back) {
  return {{flags}, cache, {PrivilegedPageFlags::kUser}};
}

class VmSpaceTest : public Booted {
 protected:
  void SetUp() override {
    Booted::SetUp();
    check::machine::reset_cpus();
    P::become(0);
    kernel.emplace(mm::PageTable<Kernel>::new_kernel_page_table().take());
  }
  void TearDown() override {
    if (P::root().value != 0) {
      kernel->activate();
      P::set_root({0});
      mm::drop(mm::Frame<P>::from_raw(kernel->root_paddr()));
    }
    kernel.reset();
    for (int i = 0; i < 3; ++i) {
      for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) mm::quiesce<P>(cpu);
    }
    Booted::TearDown();
  }

  VmSpace make() { return VmSpace::create_user_page_table(*kernel).take(); }
  static CursorMut cursor_mut(const VmSpace& space, u64 begin, u64 end) {
    return CursorMut::open(space, {begin}, {end}).take();
  }
  static mm::UFrame<P> frame() { return mm::FrameAllocOptions<P>().alloc_frame().take(); }
  static PhysAddr map(CursorMut& cursor, u8 flags = R) {
    auto mapped = frame();
    const PhysAddr at = mapped.start_paddr();
    EXPECT_TRUE(cursor.map(Item::tracked(std::move(mapped), user(flags))).ok());
    return at;
  }

  std::optional<mm::PageTable<Kernel>> kernel;
};

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
        cursor
            .protect_next(kPage, [](PageFlags& flags, CachePolicy&) noexcept { flags.bits = R; })
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

// OSTD's also tells whose memory it is.
TEST_F(VmSpaceTest, vmspace_map_query_iomem) {
  constexpr u64 kIo = u64{1} << 44;
  const VmSpace space = make();
  {
    auto cursor = cursor_mut(space, kPage, 2 * kPage);
    const auto run =
        cursor.map_range({kIo}, kPage, user(R | W, CachePolicy::uncacheable));
    EXPECT_EQ(run.pages, 1u);
  }
  auto cursor = Cursor::open(space, {kPage}, {2 * kPage}).take();
  const auto found = cursor.query().take();
  EXPECT_EQ(found.range, (VirtRange{{kPage}, {2 * kPage - 1}}));
  EXPECT_FALSE(found.item->is_tracked);
  EXPECT_EQ(found.item->at.value, kIo);
  // BUG-54: without the mark.
  EXPECT_EQ(found.item->property, user(R | W, CachePolicy::uncacheable));
}

}  // namespace
