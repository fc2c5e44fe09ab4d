// SPDX-License-Identifier: MPL-2.0
#include "check/machine/touch.h"

#include <algorithm>
#include <utility>

#include "check/machine/bus.h"
#include "check/machine/walk.h"

namespace check::machine {
namespace {

// What a walk found for an access; marked and learned if `is_allowed`.
struct Decision {
  Walk walk;
  bool is_allowed = false;
};

// `may` says if rights are enough. Until no entry changes between being read and being marked.
PAGETWIN_UNSEEN Decision decide(Cpu& cpu, std::uint64_t va, bool is_store, auto&& may) noexcept {
  // Before it was told of a table, it walks where there is no memory: every address is absent.
  const Start from_root{cpu.root == 0 ? kFrameMask : cpu.root, cpu.control.levels(), {}};
  for (;;) {
    const Start start = cpu.caches_structures ? cpu.structures.start(va, from_root) : from_root;
    Decision decision{walk(start, va, cpu.control)};
    Walk& found = decision.walk;
    cpu.has_reached_hidden |= found.walked_hidden;
    if (found.found != Found::translation || !may(found.rights())) return decision;
    if (!mark(found, is_store)) continue;
    cpu.tlb.learn(va, found.level, found.is_global(cpu.control),
                  {found.page(), found.rights(), found.is_dirty(), va < cpu.watched_end});
    if (cpu.caches_structures) cpu.structures.learn(va, found);
    decision.is_allowed = true;
    return decision;
  }
}

PAGETWIN_UNSEEN Touch reach(Cpu& cpu, std::uint64_t va, Access access,
                            std::optional<std::uint8_t> value, std::uint64_t page,
                            int level) noexcept {
  Touch touch;
  touch.outcome = Outcome::ok;
  touch.level = static_cast<std::uint8_t>(level);
  touch.address = page + (va & (span_of(level) - 1));
  touch.is_memory = is_memory(touch.address);
  touch.reached_hidden = is_hidden(touch.address);
  cpu.has_reached_hidden |= touch.reached_hidden;
  if (access == Access::store && value) {
    store_byte(touch.address, *value);
    touch.value = *value;
  } else {
    touch.value = load_byte(touch.address);
  }
  return touch;
}

PAGETWIN_UNSEEN Touch fault(Cpu& cpu, std::uint64_t va, Access access, Privilege privilege,
                            std::uint32_t cause) noexcept {
  cpu.tlb.forget(va);
  if (cpu.caches_structures) cpu.structures.forget(va);
  Touch touch;
  touch.outcome = Outcome::page_fault;
  touch.error_code = error_code(cpu.control, access, privilege, cause);
  touch.cr2 = va;
  return touch;
}

constexpr std::uint32_t cause_of(Found found) noexcept {
  switch (found) {
    case Found::absent: return 0;
    case Found::reserved: return kPresent | kReserved;
    case Found::translation: return kPresent;
  }
  return 0;
}

constexpr bool has_walked(const Touch& touch) noexcept {
  return !touch.was_known && touch.outcome != Outcome::general_protection;
}

// Copies up to the end of each page at once: after the first byte, all others are hits.
PAGETWIN_UNSEEN Copied copy(std::uint32_t cpu, std::uint64_t va, std::size_t n, Access access,
                            auto&& byte) noexcept {
  Copied copied;
  const bool ac = std::exchange(cpus[cpu].control.ac, true);
  for (std::size_t page = 0; copied.bytes < n; ++page) {
    const std::size_t room = std::min<std::size_t>(n - copied.bytes, 4096 - va % 4096);
    const std::uint8_t first = access == Access::store ? byte.load(copied.bytes) : 0;
    copied.last = touch(cpu, va, access, Privilege::supervisor, first);
    if (page < 64 && has_walked(copied.last)) copied.walked |= std::uint64_t{1} << page;
    if (!copied.last.ok()) break;
    if (page < Copied::kKept) copied.pages[page] = copied.last.address / 4096 * 4096;
    for (std::size_t i = 0; i < room; ++i) byte.move(copied.bytes + i, copied.last.address + i);
    copied.bytes += room;
    va += room;
  }
  cpus[cpu].control.ac = ac;
  return copied;
}

// One access of a word: `reach` makes it, of the physical address, and says what was there.
PAGETWIN_UNSEEN Word word(std::uint32_t cpu, std::uint64_t va, Access access,
                          auto&& reach_word) noexcept {
  Word done;
  const bool ac = std::exchange(cpus[cpu].control.ac, true);
  done.touch = touch(cpu, va, access, Privilege::supervisor, std::nullopt);
  if (done.touch.ok()) done.value = reach_word(done.touch.address);
  cpus[cpu].control.ac = ac;
  return done;
}

PAGETWIN_UNSEEN Touch perform(Cpu& cpu, std::uint64_t va, Access access, Privilege privilege,
                              std::optional<std::uint8_t> value) noexcept {
  if (!is_canonical(va, cpu.control.levels())) return {};
  if (const auto [known, level] = cpu.tlb.find(va); known != nullptr) {
    const bool is_allowed = permits(cpu.control, known->rights, access, privilege);
    if (!is_allowed || access != Access::store || known->is_dirty) {
      Touch touch = is_allowed ? reach(cpu, va, access, value, known->page, level)
                               : fault(cpu, va, access, privilege, kPresent);
      touch.was_known = true;
      return touch;
    }
    cpu.tlb.forget(va);  // The dirty flag must be set in memory, by whatever memory says now.
  }
  const Decision decision = decide(cpu, va, access == Access::store, [&](Rights rights) {
    return permits(cpu.control, rights, access, privilege);
  });
  const Walk& walk = decision.walk;
  Touch touch = decision.is_allowed ? reach(cpu, va, access, value, walk.page(), walk.level)
                                    : fault(cpu, va, access, privilege, cause_of(walk.found));
  touch.walked_hidden = walk.walked_hidden;
  return touch;
}

}  // namespace

PAGETWIN_UNSEEN Touch touch(std::uint32_t cpu, std::uint64_t va, Access access, Privilege privilege,
                            std::optional<std::uint8_t> value) noexcept {
  const Touch done = perform(cpus[cpu], va, access, privilege, value);
  cpus[cpu].retire();
  return done;
}

PAGETWIN_UNSEEN bool prefetch(std::uint32_t number, std::uint64_t va) noexcept {
  Cpu& cpu = cpus[number];
  if (!is_canonical(va, cpu.control.levels())) return false;
  if (cpu.tlb.find(va).translation != nullptr) return true;
  const bool is_known = decide(cpu, va, false, [](Rights) { return true; }).is_allowed;
  cpu.retire();
  return is_known;
}

Copied copy_from(std::uint32_t cpu, void* to, std::uint64_t va, std::size_t n) noexcept {
  struct Byte {
    std::uint8_t* to;
    std::uint8_t load(std::size_t) const noexcept { return 0; }
    void move(std::size_t i, std::uint64_t pa) const noexcept { to[i] = load_byte(pa); }
  };
  return copy(cpu, va, n, Access::load, Byte{static_cast<std::uint8_t*>(to)});
}

Copied copy_to(std::uint32_t cpu, std::uint64_t va, const void* from, std::size_t n) noexcept {
  struct Byte {
    const std::uint8_t* from;
    std::uint8_t load(std::size_t i) const noexcept { return from[i]; }
    void move(std::size_t i, std::uint64_t pa) const noexcept { store_byte(pa, from[i]); }
  };
  return copy(cpu, va, n, Access::store, Byte{static_cast<const std::uint8_t*>(from)});
}

Word load_word(std::uint32_t cpu, std::uint64_t va) noexcept {
  return word(cpu, va, Access::load, [](std::uint64_t pa) { return machine::load_word(pa); });
}

Word exchange_word(std::uint32_t cpu, std::uint64_t va, std::uint32_t expected,
                   std::uint32_t desired) noexcept {
  return word(cpu, va, Access::store, [&](std::uint64_t pa) {
    return machine::exchange_word(pa, expected, desired);
  });
}

}  // namespace check::machine
