// SPDX-License-Identifier: MPL-2.0
// The steps of check_kernel(), and what they have in common: where the kernel is, CPUs that do as
// told, accesses, and entries as their bytes say it.
#pragma once

#include "baremetal/agent/checks.h"
#include "baremetal/boot/memory_map.h"
#include "baremetal/x86_64/kernel_platform.h"
#include "baremetal/x86_64/probe.h"
#include "impl/frame/alloc_options.h"
#include "impl/vm/kernel_space.h"

namespace bare {

using mm::PhysRange;
using KernelConfig = mm::KernelConfig<Kernel>;
using KernelTable = mm::PageTable<KernelConfig>;
using Slots = mm::Segment<Kernel, mm::MetaPageMeta>;

// link.ld. Their addresses are of the agent's linear map.
extern "C" const char text_begin[], rodata_begin[], data_begin[], image_end[];

// Where the image lies, physically; each part is of whole pages, and ends where the next begins.
struct Image {
  u64 begin, text, rodata, data, end;

  static Image here() noexcept {
    // SAFETY: only the addresses are of interest.
    const auto at = [](const char* label) { return reinterpret_cast<u64>(label) - kLinearBase; };
    return {kImageAt, at(text_begin), at(rodata_begin), at(data_begin),
            page_of(at(image_end) + 4095)};
  }
  PhysRange range() const noexcept { return {begin, end}; }
};

// What was done so far.
struct Booted {
  std::optional<Slots> slots;  // Until the kernel's table maps them.
  u64 boot_tables = 0;         // That the boot page table has taken.
  u64 kept_sum = 0;            // Of the bytes that are not the kernel's to change.
};

// Each step; false: there is no going on.
bool boot_metadata(Checks& checks, const MemoryMap& map, Booted& booted) noexcept;
bool keeps_what_is_reserved(const MemoryMap& map, const Booted& booted) noexcept;
bool use_boot_table(Checks& checks, Booted& booted) noexcept;
std::optional<KernelTable> make_kernel_table(Checks& checks, Booted& booted) noexcept;
bool activate_everywhere(Checks& checks, const KernelTable& table, const Booted& booted) noexcept;
void check_rights_everywhere(Checks& checks) noexcept;
void check_areas(Checks& checks, const KernelTable& table) noexcept;
void check_spaces(Checks& checks, const KernelTable& table) noexcept;

inline u64 free_pages() noexcept { return Kernel::globals().allocator.free_bytes() / 4096; }

// A CPU does it, and is waited for.
void on_cpu(u32 cpu, auto&& body) noexcept {
  using Body = std::remove_reference_t<decltype(body)>;
  // SAFETY: it is `body`.
  run_there(
      cpu, [](void* with) noexcept { (*static_cast<Body*>(with))(); }, &body);
}
// All do, one after another.
void on_each_cpu(auto&& body) noexcept {
  for (u32 i = 0; i < processor_count; ++i) on_cpu(i, body);
}

// What an access came to.
struct Seen {
  bool is_ok = false;
  u8 value = 0;           // That was loaded.
  bool is_fault = false;  // A page fault, at the address,
  u64 error = 0;          // with this code.

  bool gives(u8 what) const noexcept { return is_ok && value == what; }
  bool faults(u64 code) const noexcept { return is_fault && error == code; }
};

// A fetch is of a byte that is a breakpoint, or faults. `code`: see probe_by().
inline Seen access(u64 code, u64 at, Access how, bool is_user, u8 value) noexcept {
  // What a trap leaves behind is this CPU's: no interrupt comes before it has been read.
  const mm::InterruptsOff<Kernel> off;
  const Awaited& trap = probe_by(code, at, how, is_user, false, value);
  return {.is_ok = trap.vector == kBreakpoint,
          .value = static_cast<u8>(trap.rax),
          .is_fault = trap.vector == kPageFault && trap.cr2 == at,
          .error = trap.error};
}
inline Seen load(u64 at) noexcept {
  return access(probe_code_of_kernel(), at, Access::load, false, 0);
}
inline Seen store(u64 at, u8 value) noexcept {
  return access(probe_code_of_kernel(), at, Access::store, false, value);
}
inline Seen fetch(u64 at) noexcept {
  return access(probe_code_of_kernel(), at, Access::fetch, false, 0);
}

// What lies at a physical address, by the kernel's linear map.
template <class T>
T& at_physical(u64 at) noexcept {
  // SAFETY: all memory is mapped there, by the loader's table and by the kernel's.
  return *reinterpret_cast<T*>(mm::kLayout.linear.begin + at);
}

// Of an entry, besides those of walk.h.
inline constexpr u64 kWritable = 1 << 1, kUser = 1 << 2, kUncacheable = 3 << 3,
                     kAvail1 = u64{1} << 52, kNoExecute = u64{1} << 63;

// A leaf as its bytes say it, without the machine's marks; level 0: there is none.
struct RawLeaf {
  u32 level = 0;
  u64 bits = 0;
  bool operator==(const RawLeaf&) const = default;
};
inline RawLeaf leaf_at(u64 root, u64 va) noexcept {
  u64 table = root;
  for (u32 level = 4; level > 0; --level) {
    const u64 bits = at_physical<volatile u64>(table + va / span_of(level) % 512 * 8);
    if ((bits & kPresent) == 0) return {};
    if (level == 1 || (bits & kLeaf) != 0) return {level, bits & ~(kAccessed | kDirty)};
    table = bits & kAddressBits;
  }
  return {};
}

}  // namespace bare
