// SPDX-License-Identifier: MPL-2.0
// How a CPU finds what the guest's kernel has made (kernel_check.h): accesses that may fault, jobs
// for each CPU, and tables read word by word.
#pragma once

#include "baremetal/x86_64/kernel.h"
#include "baremetal/x86_64/probe.h"
#include "impl/page_table/page_table.h"

namespace bare {

using KernelConfig = mm::KernelConfig<Kernel>;
using KernelTable = mm::PageTable<KernelConfig>;

inline constexpr u64 kPage = mm::kPageSize, kLargePage = mm::page_size(2);
inline constexpr u8 kRw = mm::PageFlags::kReadable | mm::PageFlags::kWritable;
inline constexpr u8 kRx = mm::PageFlags::kReadable | mm::PageFlags::kExecutable;

// link.ld
extern "C" const char text_begin[], rodata_begin[], data_begin[], image_end[];

// Error codes of page faults. Intel SDM vol. 3A, figure 4-12.
enum Fault : u64 { kAbsent = 0, kRights = 1, kByStore = 2, kByUser = 4, kByFetch = 16 };

inline u64 address(const char* symbol) noexcept {
  // SAFETY: only the address is of interest.
  return reinterpret_cast<u64>(symbol);
}
inline u64 page_end(u64 at) noexcept { return (at + kPage - 1) & ~(kPage - 1); }

// One job after another, on its CPU.
inline void on(u32 cpu, auto&& job) noexcept {
  using Job = std::remove_reference_t<decltype(job)>;
  // SAFETY: it is the job.
  run_there(
      cpu, [](void* with) noexcept { (*static_cast<Job*>(with))(); }, &job);
}
inline void on_each(auto&& job) noexcept {
  for (u32 i = 0; i < processor_count; ++i) on(i, job);
}

// The word there, if nothing faults.
inline std::optional<u64> load(u64 at) noexcept {
  u64 word = 0;
  if (Kernel::copy_from_user(&word, {at}, sizeof word) != sizeof word) return std::nullopt;
  return word;
}
inline bool is_reached(u64 at, Access how, u8 value = 0) noexcept {
  return probe(at, how, /*is_user=*/false, /*ac=*/false, value).vector == kBreakpoint;
}
inline bool faults(u64 at, Access how, u64 error) noexcept {
  const Awaited& trap = probe(at, how, /*is_user=*/false, /*ac=*/false, 0);
  return trap.vector == kPageFault && trap.error == error && trap.cr2 == at;
}
// A store changes nothing: it is of what is there.
inline bool is_writable(u64 at) noexcept {
  const Awaited& trap = probe(at, Access::load, /*is_user=*/false, /*ac=*/false, 0);
  return trap.vector == kBreakpoint && is_reached(at, Access::store, static_cast<u8>(trap.rax));
}

inline u64& word_of(u64 at) noexcept {
  // SAFETY: all memory is mapped there, once there are slots.
  return *reinterpret_cast<u64*>(Kernel::kMemoryBase + at);
}
// A word of its own for each page.
constexpr u64 tag_of(u64 at) noexcept { return (at / kPage + 1) * 0x9e37'79b9'7f4a'7c15; }

// The entry that a table leads to, read word by word.
struct Leaf {
  u64 entry = 0;  // 0: none.
  u32 level = 0;
};
inline Leaf leaf_of(u64 root, u64 va) noexcept {
  u64 table = root;
  for (u32 level = 4;; --level) {
    const u64 entry = word_of(table + mm::index_of(va, level) * 8);
    if ((entry & kPresent) == 0) return {0, level};
    if (level == 1 || (entry & kLeaf) != 0) return {entry, level};
    table = entry & kAddressBits;
  }
}
// With the table itself.
inline u64 tables_below(u64 table, u32 level, u64 first = 0) noexcept {
  u64 count = 1;
  for (u64 i = first; i < 512 && level > 1; ++i) {
    const u64 entry = word_of(table + i * 8);
    if ((entry & kPresent) == 0 || (entry & kLeaf) != 0) continue;
    count += tables_below(entry & kAddressBits, level - 1);
  }
  return count;
}

inline u64 free_pages() noexcept { return Kernel::globals().allocator.free_bytes() / kPage; }

}  // namespace bare
