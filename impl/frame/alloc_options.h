// SPDX-License-Identifier: MPL-2.0
// How frames and segments of the allocator's choice are made: FrameAllocOptions<P>().zeroed(false)
// .alloc_frame_with(meta).
#pragma once

#include "impl/frame/kinds.h"
#include "impl/frame/segment.h"

namespace mm {

enum class AllocError : u8 {
  no_memory,
  invalid_args,  // No page is asked for.
};

template <Platform P>
class FrameAllocOptions {
 public:
  // Whether the pages' bytes become zero, or stay as they are.
  constexpr FrameAllocOptions& zeroed(bool is_zeroed) noexcept {
    is_zeroed_ = is_zeroed;
    return *this;
  }

  Result<Frame<P, EmptyMeta>, AllocError> alloc_frame() const noexcept {
    return alloc_frame_with(EmptyMeta{});
  }
  template <FrameMeta M>
  Result<Frame<P, M>, AllocError> alloc_frame_with(M meta) const noexcept {
    auto frame = Frame<P, M>::alloc(std::move(meta));
    if (!frame) [[unlikely]]
      return Failure{AllocError::no_memory};
    zero(frame->start_paddr(), kPageSize);
    return std::move(*frame);
  }

  // Adjacent pages. Panics if addresses cannot count their bytes.
  Result<Segment<P, EmptyMeta>, AllocError> alloc_segment(u64 pages) const noexcept {
    return alloc_segment_with(pages, [](PhysAddr) noexcept { return EmptyMeta{}; });
  }
  // The factory is asked for the metadata of each page, ascending.
  template <class Factory, class M = std::invoke_result_t<Factory&, PhysAddr>>
  Result<Segment<P, M>, AllocError> alloc_segment_with(u64 pages,
                                                       Factory&& factory) const noexcept {
    if (pages == 0) return Failure{AllocError::invalid_args};
    if (pages > kMostPages) [[unlikely]]
      P::panic(Panic::too_large, "B.7: more pages than addresses can count");
    const u64 bytes = pages * kPageSize;
    const std::optional<PhysAddr> at = P::alloc(bytes, kPageSize);
    if (!at) return Failure{AllocError::no_memory};
    auto segment = Segment<P, M>::from_unused(*at, {at->value + bytes}, factory);
    MM_ASSERT(P, "INV-2", segment.ok());
    zero(*at, bytes);
    return segment.take();
  }

 private:
  static constexpr u64 kMostPages = (u64{1} << 63) / kPageSize - 1;

  // After the pages are published: whoever joins one meanwhile finds its bytes as somebody left
  // them, or zero.
  void zero(PhysAddr at, u64 bytes) const noexcept {
    if (is_zeroed_) __builtin_memset(page_bytes<P>(at), 0, bytes);
  }

  bool is_zeroed_ = true;
};

}  // namespace mm
