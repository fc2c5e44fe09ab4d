// SPDX-License-Identifier: MPL-2.0
// A machine just booted, with a kernel's table, on which address spaces are tried.
#pragma once

#include <optional>

#include "impl/frame/alloc_options.h"
#include "impl/vm/space.h"
#include "props/upstream/booted.h"

namespace upstream {

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

}  // namespace upstream
