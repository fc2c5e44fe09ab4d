// SPDX-License-Identifier: MPL-2.0
#include "props/bench/machine.h"

#include <cstring>
#include <sys/mman.h>

namespace bench {
namespace {

bool map(u64 at, u64 bytes) {
  void* const wanted = reinterpret_cast<void*>(at);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  if (mmap(wanted, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) != wanted) return false;
  (void)madvise(wanted, bytes, MADV_HUGEPAGE);  // Where there are none, small pages do.
  std::memset(wanted, 1, bytes);
  return true;
}

}  // namespace

bool power_on(u64 frames) noexcept {
  return map(kMemoryBase, frames * mm::kPageSize) && map(kSlotsBase, frames * 64);
}

}  // namespace bench
