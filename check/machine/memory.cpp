// SPDX-License-Identifier: MPL-2.0
#include "check/machine/memory.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

namespace check::machine {
namespace {

void map(std::uint64_t at, std::uint64_t bytes) {
  void* const wanted = reinterpret_cast<void*>(at);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
  if (mmap(wanted, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == wanted) return;
  std::fprintf(stderr, "The simulated machine needs address %p, which is taken.\n", wanted);
  std::exit(3);
}

}  // namespace

void power_on() noexcept {
  static const bool once = [] {
    map(kMemoryBase, kPages * 4096);
    map(kSlotsBase, kPages * 64);
    map(kColdMemoryBase, kColdPages * 4096);
    map(kColdSlotsBase, kColdPages * 64);
    return true;
  }();
  (void)once;
}

}  // namespace check::machine
