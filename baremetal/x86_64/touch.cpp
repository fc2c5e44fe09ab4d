// SPDX-License-Identifier: MPL-2.0
// A CPU loads, stores or fetches one byte; and how it is known where it did, and by what.
//
//   where    The CPU does not say it. So the byte at every place that the address may lead to is
//            made another before: where the tables lead, and where this CPU has been led before
//            (learned.h). What is loaded says which it was; of a store, which byte is what was
//            stored; of a fetch, which trap the byte raises, asked again until one place is left.
//            Then the bytes are what they were. A byte of an entry that this walk needs stays as it
//            is, and tells by what it is; stores and fetches there are declined.
//   walked   If accessed or dirty had to be set and was: yes. If it was to be set and is not, or if
//            what came is not what the tables say: no. If both would come to the same, it is said
//            that the CPU has used what it may have kept.
//
// How QEMU (TCG) differs, and what is done about it; on another engine it does no harm:
//
//   present_of_reserved  A reserved bit is told without the present bit (SDM vol. 3A, 4.7).
//   early_accessed       A fault by a page of 1 GiB leaves it accessed: that is taken back.
//   fault_keeps          After a fault the CPU may still know the page: it is flushed.
//   parted_by_mode       Ring 0, ring 3, and ring 0 under SMAP keep translations apart, and each of
//   parted_by_page       4 KiB: what one has learned does not replace what another knows. After an
//                        access that has found something new, the others are flushed.
//   plain_store          A locked access may fault as a load: a store is not a locked one.
//   forty_bits           Address bits from 40 up are reserved: declined.
//   no_bus               A fetch where there is no memory ends QEMU: declined. Of two places there
//                        nobody could say which it was: declined, too.
#include <algorithm>
#include <initializer_list>
#include <span>

#include "baremetal/x86_64/platform.h"
#include "baremetal/x86_64/probe.h"

namespace bare {
namespace {

constexpr u64 kErrorPresent = 1, kErrorWrite = 2, kErrorUser = 4, kErrorReserved = 8,
              kErrorFetch = 16;
constexpr u8 kBreak = 0xcc, kInvalid = 0x06;  // Instructions of one byte: #BP, and #UD.
constexpr u64 kPhysicalEnd = u64{1} << 40;

struct Asked {
  u64 at;
  Access access;
  bool is_user;
  bool ac;
};

// Which translations the CPU keeps apart.
u8 mode_of(const Control& control, const Asked& asked) noexcept {
  if (asked.is_user) return 0;
  return control.smap && !asked.ac ? 1 : 2;
}

// Intel SDM vol. 3A, 4.6.1.
bool permits(const Control& control, const Rights& rights, const Asked& asked) noexcept {
  const bool may_fetch = rights.executable || !control.nxe;
  if (asked.is_user) {
    if (!rights.user) return false;
    if (asked.access == Access::fetch) return may_fetch;
    return asked.access == Access::load || rights.writable;
  }
  if (asked.access == Access::fetch) return may_fetch && !(rights.user && control.smep);
  if (rights.user && control.smap && !asked.ac) return false;
  return asked.access == Access::load || rights.writable || !control.wp;
}

u64 error_of(const Control& control, const Asked& asked, Walk::Found found) noexcept {
  u64 error = found == Walk::Found::absent ? 0 : kErrorPresent;
  if (found == Walk::Found::reserved) error |= kErrorReserved;
  if (asked.access == Access::store) error |= kErrorWrite;
  if (asked.is_user) error |= kErrorUser;
  if (asked.access == Access::fetch && (control.nxe || control.smep)) error |= kErrorFetch;
  return error;
}

// A place that the address may lead to.
struct Place {
  u64 at = 0;
  u8 before = 0;  // What is there,
  u8 tag = 0;     // and what is put there meanwhile.
  bool is_tagged = false;
};

bool is_agents(u64 at) noexcept {
  return at >= kTestedEnd && at < kRamEnd &&
         (at < 0x10'0000 || (at >= kImageAt && at < kAgentEnd) || at >= kMailboxRegion);
}
bool is_ram(u64 at) noexcept { return at < kRamEnd; }

class Places {
 public:
  // Where it may lead comes first: by the tables, and by what the CPU may have kept; and then where
  // it should not.
  Places(const Processor& own, const Asked& asked, const Walk& walk) noexcept {
    const bool has_leaf = walk.found == Walk::Found::leaf;
    if (has_leaf && permits(own.control, walk.rights, asked)) add(walk.to(asked.at));
    const auto add_learned = [&](auto&& which) {
      for (const Translation& one : const_cast<Learned&>(own.learned)) {
        if (one.is_of(asked.at) && which(one)) add(one.to | (asked.at & 4095));
      }
    };
    add_learned([&](const Translation& one) {
      return one.is_kept && permits(own.control, one.rights, asked);
    });
    rightful_ = count_;
    if (has_leaf) add(walk.to(asked.at));
    add_learned([](const Translation&) { return true; });
    for (u32 i = 0; i < count_; ++i) {
      Place& place = all_[i];
      place.is_tagged = is_ram(place.at) && !is_agents(place.at) && !is_needed(own, walk, place.at);
      if (is_ram(place.at)) place.before = *linear<volatile u8>(place.at);
    }
  }

  std::span<Place> all() noexcept { return std::span(all_).first(count_); }

  // Whether they can all be told from one another, without harm. Where there is no memory, all
  // places look alike: then it is the rightful one, of which there must not be two.
  bool can_be_tried(Access access) noexcept {
    const auto without_memory = std::ranges::count_if(
        all().first(rightful_), [](const Place& place) { return !is_ram(place.at); });
    return !is_too_many_ && without_memory <= 1 &&
           std::ranges::all_of(all(), [&](const Place& place) {
             if (place.at >= kPhysicalEnd || is_agents(place.at)) return false;
             if (access == Access::store && !is_ram(place.at)) return true;
             return place.is_tagged || access == Access::load;
           });
  }

  void tag(auto&& with) noexcept {
    for (u32 i = 0; i < count_; ++i) {
      Place& place = all_[i];
      if (!place.is_tagged) continue;
      place.tag = with(i);
      *linear<volatile u8>(place.at) = place.tag;
    }
  }
  void restore() noexcept {
    for (const Place& place : all()) {
      if (place.is_tagged) *linear<volatile u8>(place.at) = place.before;
    }
  }

 private:
  void add(u64 at) noexcept {
    for (const Place& one : all()) {
      if (one.at == at) return;
    }
    if (count_ == all_.size()) {
      is_too_many_ = true;
    } else {
      all_[count_++].at = at;
    }
  }

  // By this walk, or by the agent itself.
  static bool is_needed(const Processor& own, const Walk& walk, u64 at) noexcept {
    for (u32 i = 0; i < walk.count; ++i) {
      if (at / 8 == walk.steps[i].at / 8) return true;
    }
    return at - own.root >= kFirstEntry * 8 && at - own.root < kEndEntry * 8;
  }

  std::array<Place, 64> all_;
  u32 count_ = 0, rightful_ = 0;
  bool is_too_many_ = false;
};

constexpr u64 kNowhere = ~u64{0};

// The place whose byte was read, or else one where there is no memory, which may read as anything.
u64 place_of(std::span<const Place> places, u8 byte) noexcept {
  for (const Place& place : places) {
    if (!is_ram(place.at)) continue;
    const u8 held = place.is_tagged ? place.tag : *linear<volatile u8>(place.at);
    if (held == byte) return place.at;
  }
  for (const Place& place : places) {
    if (!is_ram(place.at)) return place.at;
  }
  return kNowhere;
}

// A tag that no byte has that stays as it is, or is marked by the walk; nor has what no memory
// reads as.
class Tags {
 public:
  explicit Tags(std::span<const Place> places) noexcept {
    for (const Place& place : places) {
      if (place.is_tagged) continue;
      for (const u64 mark : {u64{0}, kAccessed, kDirty, kAccessed | kDirty}) {
        is_used_[place.before | static_cast<u8>(mark)] = true;
      }
    }
    is_used_[0] = is_used_[0xff] = true;
  }
  u8 next() noexcept {
    while (is_used_[++last_]) {
    }
    return last_;
  }

 private:
  std::array<bool, 256> is_used_{};
  u8 last_ = 0;
};

struct Seen {
  bool is_ok = false;
  u64 vector = 0, error = 0;
  u64 where = kNowhere;
};

const Awaited& probe(const Asked& asked, u8 value = 0) noexcept {
  return bare::probe(asked.at, asked.access, asked.is_user, asked.ac, value);
}

Seen seen_of(const Awaited& trap) noexcept {
  return {trap.vector == kBreakpoint, trap.vector, trap.error, kNowhere};
}

Seen load(Places& places, const Asked& asked) noexcept {
  Tags tags(places.all());
  places.tag([&](u32) { return tags.next(); });
  const Awaited& trap = probe(asked);
  places.restore();
  Seen seen = seen_of(trap);
  if (seen.is_ok) seen.where = place_of(places.all(), static_cast<u8>(trap.rax));
  return seen;
}

Seen store(Places& places, const Asked& asked) noexcept {
  constexpr u8 kOther = 0x55, kStored = 0xaa;
  places.tag([](u32) { return kOther; });
  Seen seen = seen_of(probe(asked, kStored));
  if (seen.is_ok) {
    for (const Place& place : places.all()) {
      const bool is_there =
          is_ram(place.at) ? *linear<volatile u8>(place.at) == kStored : seen.where == kNowhere;
      if (is_there) seen.where = place.at;
    }
  }
  places.restore();
  return seen;
}

// One bit of the place's number after another: a breakpoint, or no instruction.
Seen fetch(Places& places, const Asked& asked) noexcept {
  const usize count = places.all().size();
  u32 number = 0;
  for (u32 bit = 0; bit == 0 || usize{1} << bit < count; ++bit) {
    places.tag([&](u32 i) { return (i >> bit & 1) != 0 ? kInvalid : kBreak; });
    const Awaited& trap = probe(asked);
    places.restore();
    if (trap.vector == kInvalidOpcode) {
      number |= 1u << bit;
    } else if (trap.vector != kBreakpoint) {
      return seen_of(trap);
    }
  }
  return {true, kBreakpoint, 0, number < count ? places.all()[number].at : kNowhere};
}

// What the CPU knows now of an address, if it knows what the tables say.
Translation translation_of(const Processor& own, const Asked& asked, const Walk& walk) noexcept {
  return {.page = page_of(asked.at),
          .to = page_of(walk.to(asked.at)),
          .level = static_cast<u8>(walk.level),
          .mode = mode_of(own.control, asked),
          .rights = walk.rights,
          .is_dirty = walk.is_dirty(),
          .is_global = (walk.last().entry & kGlobal) != 0,
          .is_watched = asked.at < own.watched_end,
          .is_kept = true};
}

// The pages of the others that it would be strange to know, too. See parted_by_mode.
void forget_others(Processor& own, const Translation& now) noexcept {
  for (Translation& one : own.learned) {
    if (!one.is_kept || !one.spans(now.page) || one.means_the_same(now)) continue;
    if (one.page != now.page || one.mode != now.mode) cpu::invlpg(one.page);
    one.is_kept = false;
  }
}

bool is_permitted(const Processor& own, const Asked& asked, const Walk& walk) noexcept {
  return walk.found == Walk::Found::leaf && permits(own.control, walk.rights, asked);
}

// What is told of an access that has trapped, and done as after one (fault_keeps, early_accessed).
X86_64::Touched refused(Processor& own, const Asked& asked, const Walk& before,
                        const Seen& seen) noexcept {
  if (seen.vector == kGeneralProtection) return {};
  if (seen.vector != kPageFault) crash("an access ended in a trap that none can end in");
  if (before.found == Walk::Found::leaf && (before.last().entry & kAccessed) == 0) {
    __atomic_fetch_and(&entry_at(before.last().at), ~kAccessed, __ATOMIC_RELAXED);
  }
  for (Translation& one : own.learned) {
    if (!one.is_kept || !one.spans(asked.at)) continue;
    cpu::invlpg(one.page);
    one.is_kept = false;
  }
  const u64 error = seen.error | ((seen.error & kErrorReserved) != 0 ? kErrorPresent : 0);
  const bool is_as_walked =
      !is_permitted(own, asked, before) && error == error_of(own.control, asked, before.found);
  return {false, true, is_as_walked, static_cast<u32>(error), {}};
}

// What is told of one that has reached a place, and learned from it.
X86_64::Touched reached(Processor& own, const Asked& asked, const Walk& before,
                        u64 where) noexcept {
  const Walk after = bare::walk(own.root, asked.at, own.control.nxe);
  const u64 to_set = kAccessed | (asked.access == Access::store ? kDirty : 0);
  bool has_walked = is_permitted(own, asked, before) && where == before.to(asked.at) &&
                    after.found == Walk::Found::leaf && (after.last().entry & to_set) == to_set;
  if (has_walked && (before.last().entry & to_set) == to_set) {
    for (const Translation& one : own.learned) {
      const bool serves = one.is_kept && one.is_of(asked.at) &&
                          one.mode == mode_of(own.control, asked) && one.to == page_of(where) &&
                          permits(own.control, one.rights, asked) &&
                          (asked.access != Access::store || one.is_dirty);
      if (serves) has_walked = false;
    }
  }
  if (has_walked) {
    const Translation now = translation_of(own, asked, after);
    forget_others(own, now);
    own.learned.add(now);
  }
  return {true, false, has_walked, 0, {where}};
}

}  // namespace

bool X86_64::can_touch(VirtAddr at, u8 access, bool is_user, bool ac) noexcept {
  if (own().root == 0 || !is_canonical(at.value)) return true;
  const Asked asked{at.value, static_cast<Access>(access), is_user, ac};
  const Walk walk = bare::walk(own().root, at.value, own().control.nxe);
  return Places(own(), asked, walk).can_be_tried(asked.access);
}

X86_64::Touched X86_64::touch(VirtAddr at, u8 access, bool is_user, bool ac) noexcept {
  Processor& cpu = own();
  const Asked asked{at.value, static_cast<Access>(access), is_user, ac};
  if (!is_canonical(at.value)) {
    const u64 vector = probe(asked).vector;
    if (vector != kGeneralProtection) crash("an address that is not canonical was not refused");
    return {};
  }
  if (cpu.learned.is_full()) {
    flush_all_and_global();
    cpu.learned.clear();
  }

  const Walk before = bare::walk(cpu.root, at.value, cpu.control.nxe);
  Places places(cpu, asked, before);
  if (!places.can_be_tried(asked.access)) crash("an access that cannot be tried");
  const Seen seen = asked.access == Access::load    ? load(places, asked)
                    : asked.access == Access::store ? store(places, asked)
                                                    : fetch(places, asked);
  return seen.is_ok ? reached(cpu, asked, before, seen.where) : refused(cpu, asked, before, seen);
}

}  // namespace bare
