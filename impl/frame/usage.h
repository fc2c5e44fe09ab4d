// SPDX-License-Identifier: MPL-2.0
// What a page is used for. Each type of metadata declares it; a page without metadata is unused.
#pragma once

#include "impl/base/types.h"

namespace mm {

enum class PageUsage : u8 {
  unused = 0,
  reserved = 1,
  frame = 32,
  page_table = 64,
  meta = 65,
  kernel = 66,
  kernel_stack = 67,
  mmio = 68,
};

// Whether a page of this usage keeps its last handle when that handle is dynamic. Whoever gives up
// such a page must know what it is.
constexpr bool keeps_last_handle(PageUsage usage) {
  return usage == PageUsage::unused || usage == PageUsage::reserved || usage == PageUsage::kernel ||
         usage == PageUsage::meta;
}

}  // namespace mm
