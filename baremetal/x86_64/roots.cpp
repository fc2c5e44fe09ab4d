// SPDX-License-Identifier: MPL-2.0
#include "baremetal/x86_64/roots.h"

#include <array>
#include <atomic>

#include "baremetal/x86_64/cpu.h"
#include "baremetal/x86_64/trap.h"

namespace bare {

extern "C" const u64 agent_root_at;  // boot/start.S

namespace {

struct Root {
  u32 cpus = 0;  // So many translate by it.
  std::array<u64, kEndEntry - kFirstEntry> before{};
};
// LOCKS: lock, for CPUs may change their tables at once.
constinit std::array<Root, kTestedPages> roots{};
constinit std::atomic_flag lock{};

struct Guard {
  // ORDER: acquire pairs with the release of who had it before.
  Guard() noexcept {
    while (lock.test_and_set(std::memory_order_acquire)) cpu::pause();
  }
  ~Guard() { lock.clear(std::memory_order_release); }
};

Root& of(u64 root) noexcept {
  if (root % 4096 != 0 || root >= kTestedEnd) crash("a root is no page of the machine");
  return roots[root / 4096];
}

}  // namespace

void enter_root(u64 root) noexcept {
  const Guard guard;
  Root& one = of(root);
  if (one.cpus++ != 0) return;
  const u64* const agents = linear<u64>(agent_root_at);
  u64* const entries = linear<u64>(root);
  for (u64 i = kFirstEntry; i < kEndEntry; ++i) {
    one.before[i - kFirstEntry] = entries[i];
    entries[i] = agents[i];
  }
}

void leave_root(u64 root) noexcept {
  const Guard guard;
  Root& one = of(root);
  if (--one.cpus != 0) return;
  u64* const entries = linear<u64>(root);
  for (u64 i = kFirstEntry; i < kEndEntry; ++i) entries[i] = one.before[i - kFirstEntry];
}

}  // namespace bare
