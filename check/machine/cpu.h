// SPDX-License-Identifier: MPL-2.0
// The CPUs of the simulated machine: what each keeps for itself, and which of them runs.
#pragma once

#include <array>
#include <cstdint>

#include "check/machine/access.h"
#include "check/machine/sanitizer.h"
#include "check/machine/structures.h"
#include "check/machine/tlb.h"

namespace check::machine {

struct Cpu {
  std::uint64_t root = 0;  // CR3 without its flags; 0: no table yet. Set by write_cr3() alone.
  bool takes_interrupts = true;
  std::uint32_t preemption_disabled = 0;
  std::uint64_t quiescent_count = 0;

  Control control;                  // To be changed by set_control(), but for wp, smap and ac.
  bool caches_structures = false;   // Whether it has paging-structure caches (structures.h).
  bool has_reached_hidden = false;  // Since reset, an access or a walk met memory that nobody owns.
  // What the CPU learns of addresses below this is watched: could_reach() looks for it. For whoever
  // promises that no page is given back while a CPU may still reach it there (INV-49).
  std::uint64_t watched_end = 0;
  Tlb tlb;
  StructureCaches structures;
  std::uint64_t accesses = 0;  // That are over.

  // An interrupt that another CPU has sent, and this one has not taken; null: none.
  using Handler = void (*)(void*) noexcept;
  Handler pending = nullptr;
  void* pending_with = nullptr;

  // MOV to CR3: all but global translations are forgotten, even if the root is the same as before.
  PAGETWIN_UNSEEN void write_cr3(std::uint64_t next) noexcept {
    interrupt();
    root = next;
    tlb.forget_all_but_global();
    structures.forget_all();
  }
  PAGETWIN_UNSEEN void flush_all() noexcept { write_cr3(root); }

  // Toggles CR4.PGE, and back: all translations are forgotten.
  PAGETWIN_UNSEEN void flush_all_and_global() noexcept {
    interrupt();
    tlb.forget_all();
    structures.forget_all();
  }

  // INVLPG. Of an address that is not canonical it does nothing (vol. 2A).
  PAGETWIN_UNSEEN void invlpg(std::uint64_t va) noexcept {
    if (!is_canonical(va, control.levels())) return;
    interrupt();
    tlb.forget(va);
    structures.forget_all();
  }

  // What changes the meaning of entries, or is said to flush, forgets all translations: pge, and
  // smep if it is set (4.10.4.1); la57, which software can change with paging off only; and nxe,
  // where the manual is silent and this is a choice. Changes of wp, smap and ac, and smep if it is
  // cleared, forget nothing: they decide about each use of what is known.
  PAGETWIN_UNSEEN void set_control(const Control& next) noexcept {
    const bool forgets = next.pge != control.pge || next.la57 != control.la57 ||
                         next.nxe != control.nxe || (next.smep && !control.smep);
    control = next;
    if (forgets) flush_all_and_global();
  }

  // Instructions of a CPU, and interrupts it takes, come one after another, even if another lane
  // plays the interrupt: what was walked before a flush is over when the flush is. ThreadSanitizer
  // must be told, or it would take a table that is freed after the flush for one that is still
  // walked. ORDER: release at the end of each access pairs with acquire in each flush.
  void retire() noexcept {
    __atomic_store_n(&accesses, __atomic_load_n(&accesses, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
  }
  void interrupt() const noexcept { (void)__atomic_load_n(&accesses, __ATOMIC_ACQUIRE); }

  // An interrupt that is sent again before it is taken comes once. Senders may be threads; all send
  // the same. ORDER: release in send() pairs with acquire in take_interrupt().
  void send(Handler run, void* with) noexcept {
    __atomic_store_n(&pending_with, with, __ATOMIC_RELAXED);
    __atomic_store_n(&pending, run, __ATOMIC_RELEASE);
  }
  // Runs the handler, if there is an interrupt and the CPU takes any. Requires that the caller is
  // this CPU.
  bool take_interrupt() noexcept {
    if (!takes_interrupts || __atomic_load_n(&pending, __ATOMIC_RELAXED) == nullptr) return false;
    const Handler run = __atomic_exchange_n(&pending, nullptr, __ATOMIC_ACQUIRE);
    if (run == nullptr) return false;
    run(__atomic_load_n(&pending_with, __ATOMIC_RELAXED));
    return true;
  }

  // Whether it knows a watched translation to an address from `begin` to `end`, not included.
  PAGETWIN_UNSEEN bool could_reach(std::uint64_t begin, std::uint64_t end) const noexcept {
    Search search{begin, end};
    tlb.each(search);
    return search.has_found;
  }

  // Cheap, and cheaper than assigning a new one.
  PAGETWIN_UNSEEN void reset() noexcept {
    root = 0;
    takes_interrupts = true;
    preemption_disabled = 0;
    quiescent_count = accesses = watched_end = 0;
    pending = nullptr;
    control = {};
    caches_structures = has_reached_hidden = false;
    tlb.reset();
    structures.reset();
  }

 private:
  struct Search {
    std::uint64_t begin, end;
    bool has_found = false;
    PAGETWIN_UNSEEN void operator()(std::uint64_t, int level, bool,
                                    const Translation& one) noexcept {
      has_found |= one.is_watched && one.page < end && begin < one.page + span_of(level);
    }
  };
};

inline std::array<Cpu, 4> cpus;

// As after power-on. Requires that no CPU runs.
PAGETWIN_UNSEEN inline void reset_cpus() noexcept {
  for (Cpu& cpu : cpus) cpu.reset();
}

namespace detail {
// Of the running thread or lane; kept by whoever switches lanes.
inline constinit thread_local std::uint32_t this_cpu = 0;
}  // namespace detail

PAGETWIN_UNSEEN inline std::uint32_t this_cpu() noexcept { return detail::this_cpu; }
PAGETWIN_UNSEEN inline void become(std::uint32_t cpu) noexcept { detail::this_cpu = cpu; }

}  // namespace check::machine
