// SPDX-License-Identifier: MPL-2.0
// Address spaces of users (C.10): a page table that knows by which CPUs it is used, and cursors
// that tell these when something is taken out of it.
//
// A space needs no storage but its tables: the set of CPUs is in its root's slot, and the handles
// of the space are those of its root.
#pragma once

#include "impl/page_table/page_table.h"
#include "impl/tlb/flusher.h"

namespace mm {

template <Platform P>
using VmSpace = PageTable<SpaceConfig<P>>;

// A cursor that may change what a space maps. How a page is mapped its client says by flags and
// cache policy alone: it is the users', and not global.
template <Platform P>
class SpaceCursor {
 public:
  using C = SpaceConfig<P>;
  using Config = C;
  using Item = typename C::Items::Item;
  using Raw = CursorMut<C>;  // What it adds to.

  static Result<SpaceCursor, PageTableError> open(const VmSpace<P>& space, VirtAddr begin,
                                                  VirtAddr end) noexcept {
    return SpaceCursor(MM_TRY(Raw::open(space, begin, end)), space.active_on());
  }

  // As those of CursorMut.
  VirtAddr virt_addr() const noexcept { return at_.virt_addr(); }
  VirtAddr begin() const noexcept { return at_.begin(); }
  VirtAddr end() const noexcept { return at_.end(); }
  u8 level() const noexcept { return at_.level(); }
  u8 guard_level() const noexcept { return at_.guard_level(); }
  Result<Queried<C>, PageTableError> query() noexcept { return at_.query(); }
  std::optional<VirtAddr> find_next(u64 len) noexcept { return at_.find_next(len); }
  Result<void, PageTableError> jump(VirtAddr va) noexcept { return at_.jump(va); }

  // A frame, or I/O memory: of 4 KiB. The item's privileged flags are ours to say.
  Result<void, PageTableError> map(Item&& item) noexcept {
    item.property = users(item.property);
    return at_.map(std::move(item));
  }
  Progress map_range(PhysAddr at, u64 len, PageProperty property) noexcept {
    return at_.map_range(at, len, users(property));
  }
  template <class M>
  Progress map_segment(Segment<P, M>& segment, PageProperty property) noexcept {
    return at_.map_segment(segment, users(property));
  }

  // As CursorMut::unmap(), and has the CPUs forget what was taken out (POST-37): it dispatches, and
  // does not wait. `sink` is asked of each fragment before that is dropped.
  template <class Sink>
  Progress unmap(u64 len, Sink&& sink) noexcept {
    const Progress run = at_.unmap(len, [&](Fragment<C>&& fragment) noexcept {
      const Fragment<C> taken = std::move(fragment);  // Dropped here, it waits.
      if (const auto* const stray = std::get_if<StrayFragment<C>>(&taken)) {
        flusher_.issue(stray->va, stray->bytes / kPageSize);
      } else {
        flusher_.issue(std::get_if<MappedFragment<C>>(&taken)->va, 1);
      }
      sink(taken);
    });
    (void)flusher_.dispatch();
    return run;
  }
  Progress unmap(u64 len) noexcept {
    return unmap(len, [](const Fragment<C>&) noexcept {});
  }

  // As those of CursorMut. Nothing is issued: who takes rights away uses flusher().
  template <ProtectOp Op>
  Result<std::optional<VirtRange>, PageTableError> protect_next(u64 len, Op&& op) noexcept {
    return at_.protect_next(len, op);
  }
  template <ProtectOp Op>
  Progress protect(u64 len, Op&& op) noexcept {
    return at_.protect(len, op);
  }

  TlbFlusher<P>& flusher() noexcept { return flusher_; }

 private:
  SpaceCursor(Raw&& at, typename TlbFlusher<P>::CpuSet& cpus) noexcept
      : at_(std::move(at)), flusher_(cpus) {}

  static PageProperty users(PageProperty property) noexcept {
    property.privileged = {PrivilegedPageFlags::kUser};
    return property;
  }

  Raw at_;
  // Goes before the cursor is closed: this CPU has not passed when it dispatches.
  TlbFlusher<P> flusher_;
};

}  // namespace mm
