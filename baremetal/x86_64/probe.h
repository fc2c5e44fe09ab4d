// SPDX-License-Identifier: MPL-2.0
// One access, in ring 0 or 3, and the trap it ends with (probe.S).
#pragma once

#include "baremetal/x86_64/processor.h"

namespace bare {

struct Entry {
  u64 rdi, ss, rsp, rflags, cs, rip, rsi;  // probe.S knows the order.
};
extern "C" void enter(Awaited* awaited, const Entry* entry) noexcept;

enum class Access : u8 { load, store, fetch };

extern "C" const u64 probe_code_at;  // Physically.

// The trap: a breakpoint if a load or store went well, and what was loaded in rax; of a fetch,
// whatever the instruction there raises. `value` is what a store stores. `code` is where the page
// of probe.S is, for the ring that is to run it.
inline const Awaited& probe_by(u64 code, u64 at, Access access, bool is_user, bool ac,
                               u8 value) noexcept {
  constexpr u64 kAc = 1 << 18;
  Processor& own = this_processor();
  const Entry entry{.rdi = at,
                    .ss = is_user ? u64{kUserData} : 0,
                    .rsp = 0,
                    .rflags = kFlagsOfKernel | (ac ? kAc : 0),
                    .cs = is_user ? u64{kUserCode} : u64{kKernelCode},
                    .rip = access == Access::fetch ? at : code + (access == Access::store ? 16 : 0),
                    .rsi = value};
  enter(&own.awaited, &entry);
  return own.awaited;
}
inline u64 probe_code_of_kernel() noexcept { return kLinearBase + probe_code_at; }
inline const Awaited& probe(u64 at, Access access, bool is_user, bool ac, u8 value) noexcept {
  return probe_by(is_user ? kUserBase : probe_code_of_kernel(), at, access, is_user, ac, value);
}

}  // namespace bare
