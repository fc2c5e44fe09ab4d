// SPDX-License-Identifier: MPL-2.0
// The types of metadata that mm itself gives to pages.
#pragma once

#include "impl/frame/meta.h"

namespace mm {

// Nothing is known of the page but that users may read and write it.
struct EmptyMeta {
  static constexpr PageUsage kUsage = PageUsage::frame;
  static constexpr bool kIsUntyped = true;
};

// The kernel's own image.
struct KernelMeta {
  static constexpr PageUsage kUsage = PageUsage::kernel;
};

struct KernelStackMeta {
  static constexpr PageUsage kUsage = PageUsage::kernel_stack;
};

// Memory that the firmware keeps for itself,
struct ReservedMemoryMeta {
  static constexpr PageUsage kUsage = PageUsage::reserved;
};

// and memory that is not fit for use.
struct UnusableMemoryMeta {
  static constexpr PageUsage kUsage = PageUsage::reserved;
};

// The pages of the slots.
struct MetaPageMeta {
  static constexpr PageUsage kUsage = PageUsage::meta;
};

// What was handed out before the frame allocator existed.
struct EarlyAllocatedFrameMeta {
  static constexpr PageUsage kUsage = PageUsage::frame;
};

static_assert(UntypedFrameMeta<EmptyMeta> && FrameMeta<KernelMeta> && FrameMeta<KernelStackMeta> &&
              FrameMeta<ReservedMemoryMeta> && FrameMeta<UnusableMemoryMeta> &&
              FrameMeta<MetaPageMeta> && FrameMeta<EarlyAllocatedFrameMeta>);

}  // namespace mm
