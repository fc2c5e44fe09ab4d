// SPDX-License-Identifier: MPL-2.0
// A user's address space: a page table that keeps account of the CPUs that translate by it, and a
// cursor that has them forget what it takes out. All else is as of any page table: a space is made
// by create_user_page_table(), and activated and dropped as others are.
//
// Only rights and cache policy are the client's: a page is always the user's, never global.
#pragma once

#include "impl/page_table/page_table.h"
#include "impl/tlb/flusher.h"

namespace mm {

template <Platform P>
using VmSpace = PageTable<SpaceConfig<P>>;

// As CursorMut, with flushes. Whoever protects pages says by flusher() what is to be flushed; what
// is unmapped is flushed by itself. Closing the cursor dispatches what was issued, so that nothing
// is forgotten; nothing here waits for other CPUs but flusher().sync().
template <Platform P>
class SpaceCursorMut {
 public:
  using Config = SpaceConfig<P>;
  using Item = typename Config::Items::Item;

  [[gnu::always_inline]] static Result<SpaceCursorMut, PageTableError> open(const VmSpace<P>& space,
                                                                            VirtAddr begin,
                                                                            VirtAddr end) noexcept {
    CpuSet<P>& cpus = NodeView<Config>(space.root_paddr()).meta().cpus();
    return SpaceCursorMut(MM_TRY(Cursor<Config>::open(space, begin, end)), cpus);
  }

  [[gnu::always_inline]] SpaceCursorMut(SpaceCursorMut&&) noexcept = default;
  SpaceCursorMut& operator=(SpaceCursorMut&&) = delete;
  // Before the read section ends, as Deferred wants it.
  [[gnu::always_inline]] ~SpaceCursorMut() {
    if (!flusher_.issued().is_empty()) [[unlikely]]
      (void)flusher_.dispatch();
  }

  VirtAddr virt_addr() const noexcept { return at_.virt_addr(); }
  VirtAddr begin() const noexcept { return at_.begin(); }
  VirtAddr end() const noexcept { return at_.end(); }
  u8 level() const noexcept { return at_.level(); }
  u8 guard_level() const noexcept { return at_.guard_level(); }
  [[gnu::always_inline]] Result<Queried<Config>, PageTableError> query() noexcept {
    return at_.query();
  }
  std::optional<VirtAddr> find_next(u64 len) noexcept { return at_.find_next(len); }
  Result<void, PageTableError> jump(VirtAddr va) noexcept { return at_.jump(va); }

  // As CursorMut's. What was absent no CPU knows: nothing is flushed.
  [[gnu::always_inline]] Result<void, PageTableError> map(Item&& item) noexcept {
    item.property = users(item.property);
    return at_.map(std::move(item));
  }
  template <class M>
  Progress map_segment(Segment<P, M>& segment, PageProperty property) noexcept {
    return at_.map_segment(segment, users(property));
  }
  // Memory of a device.
  Progress map_range(PhysAddr at, u64 len, PageProperty property) noexcept {
    return at_.map_range(at, len, users(property));
  }

  // As CursorMut's. A flush of each fragment is issued, and all are dispatched in the end, also if
  // an error stops it (POST-37). `sink(const Fragment&)` sees each fragment, and gets none: that
  // waits for the CPUs.
  template <class Sink>
  Progress unmap(u64 len, Sink&& sink) noexcept {
    const Progress run = at_.unmap(len, [&](Fragment<Config>&& fragment) noexcept {
      flusher_.issue(flush_of(fragment));
      sink(std::as_const(fragment));
    });
    (void)flusher_.dispatch();
    return run;
  }
  Progress unmap(u64 len) noexcept {
    return unmap(len, [](const Fragment<Config>&) noexcept {});
  }

  // As CursorMut's. No flush is issued: the caller knows whether rights were taken away.
  template <ProtectOp Op>
  [[gnu::always_inline]] Result<std::optional<VirtRange>, PageTableError> protect_next(
      u64 len, Op&& op) noexcept {
    return at_.protect_next(len, op);
  }
  template <ProtectOp Op>
  Progress protect(u64 len, Op&& op) noexcept {
    return at_.protect(len, op);
  }

  Flusher<P>& flusher() noexcept { return flusher_; }

 private:
  [[gnu::always_inline]] SpaceCursorMut(Cursor<Config>&& at, CpuSet<P>& cpus) noexcept
      : at_(std::move(at)), flusher_(cpus) {}

  static constexpr PageProperty users(PageProperty property) noexcept {
    return {property.flags, property.cache, {PrivilegedPageFlags::kUser}};
  }

  static Flush flush_of(const Fragment<Config>& fragment) noexcept {
    if (const auto* const stray = std::get_if<StrayFragment<Config>>(&fragment)) {
      return Flush::pages<P>(stray->va, stray->bytes / kPageSize);
    }
    return Flush::pages<P>(std::get_if<MappedFragment<Config>>(&fragment)->va, 1);
  }

  CursorMut<Config> at_;
  Flusher<P> flusher_;
};

}  // namespace mm
