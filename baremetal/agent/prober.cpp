// SPDX-License-Identifier: MPL-2.0
// How it is known where an access was led: at each place that the address may lead to stands code
// of its own, which is told from the others by its first byte, if that is loaded, and by what it
// leaves in AL, if it is run. Of a store, that byte is another then; it is put back.
//
// Nothing is done about what an engine does otherwise (x86_64/touch.cpp): who asks must know.
#include "baremetal/agent/prober.h"

#include <span>

#include "baremetal/x86_64/platform.h"
#include "baremetal/x86_64/probe.h"

namespace bare {

extern "C" const u64 agent_root_at;  // boot/start.S

namespace {

constexpr u64 kLargePage = span_of(2);

// Of the large pages only the middle can be reached: see Places::is_ours().
constexpr ProbeRoom kRoom{
    .tables = {kProbesAt, kProbesAt + 0x1000, kProbesAt + 0x2000, kProbesAt + 0x3000},
    .pages = {kProbesAt + 0x4000, 0x0240'0000, 0},
    .others = {kProbesAt + 0x5000, 0x0260'0000, 0}};
static_assert(kProbesAt % 4096 == 0 && kRoom.others[0] + 4096 <= kColdMemoryAt &&
              kRoom.pages[1] >= kAgentEnd && kRoom.others[1] + kLargePage <= kMailboxRegion);

// A REX prefix that means nothing to what follows, one of eight; MOV AL, `number`; INT3.
struct Code {
  static constexpr u8 kPrefix = 0x40, kMovToAl = 0xb0, kStored = 0xee;
  std::array<u8, 4> bytes;
  static constexpr Code of(u32 number) noexcept {
    return {{static_cast<u8>(kPrefix + 2 * number), kMovToAl, static_cast<u8>(number), 0xcc}};
  }
  bool operator==(const Code&) const = default;
};

// The places that an address may lead to: one in each page of the room.
class Places {
 public:
  explicit Places(u64 va) noexcept {
    for (u32 level = 1; level <= ProbeRoom::kSizes; ++level) {
      const u64 offset = va % span_of(level);
      add(kRoom.pages[level - 1] + offset);
      if (kRoom.others[level - 1] != 0) add(kRoom.others[level - 1] + offset);
    }
  }

  // Writes only what is not there yet, for code that is written is translated anew.
  void prepare() const noexcept {
    for (u32 i = 0; i < count_; ++i) {
      const Code code = Code::of(i);
      if (code_at(all_[i]) != code) put(all_[i], code);
    }
  }

  bool has(u64 at) const noexcept { return number_of(at) != kNone; }
  // By what was loaded, or by what a fetch has left.
  u64 loaded(u8 byte) const noexcept {
    return byte % 2 == 0 ? at((byte - Code::kPrefix) / 2u) : kNowhere;
  }
  u64 fetched(u8 al) const noexcept { return at(al); }
  u64 stored() const noexcept {
    for (u32 i = 0; i < count_; ++i) {
      if (*linear<volatile u8>(all_[i]) != Code::kStored) continue;
      put(all_[i], Code::of(i));
      return all_[i];
    }
    return kNowhere;
  }

  static constexpr u64 kNowhere = ~u64{0};

 private:
  static constexpr u32 kNone = ~u32{0};

  // The small pages, and free memory where no test touches a large page.
  static bool is_ours(u64 at) noexcept {
    const bool is_between =
        at % kLargePage >= kTestedEnd && at % kLargePage < kLargePage - kTestedEnd;
    return (at >= kRoom.pages[0] && at < kRoom.others[0] + 4096) ||
           (at >= kAgentEnd && at < kMailboxRegion && is_between);
  }
  void add(u64 at) noexcept {
    if (is_ours(at) && !has(at)) all_[count_++] = at;
  }
  u32 number_of(u64 at) const noexcept {
    for (u32 i = 0; i < count_; ++i) {
      if (all_[i] == at) return i;
    }
    return kNone;
  }
  u64 at(u32 number) const noexcept { return number < count_ ? all_[number] : kNowhere; }

  static Code code_at(u64 at) noexcept {
    Code code;
    __builtin_memcpy(&code, linear<u8>(at), sizeof code);
    return code;
  }
  static void put(u64 at, const Code& code) noexcept {
    __builtin_memcpy(linear<u8>(at), &code, sizeof code);
  }

  std::array<u64, 2 * ProbeRoom::kSizes> all_{};
  u32 count_ = 0;
};

u64& entry_of(u64 va, u32 level) noexcept {
  return entry_at(kRoom.tables[level - 1] + va / span_of(level) % 512 * 8);
}

// The code must not reach into the next page, and must not be where something else is.
bool can_try(const ProbeQuestion& question, const Places& places) noexcept {
  if (question.level < 1 || question.level > ProbeRoom::kSizes || question.access > 2) return false;
  const u64 root_entry = question.va / span_of(4) % 512;
  if (!is_canonical(question.va) || (root_entry >= kFirstEntry && root_entry < kEndEntry)) {
    return false;
  }
  const u64 span = span_of(question.level);
  const u64 page = question.entries[question.level - 1] & kAddressBits & ~(span - 1);
  return question.va % 4096 + sizeof(Code) <= 4096 && places.has(page + question.va % span);
}

void set_control(const Control& next) noexcept {
  if (this_processor().control != next) this_processor().set_control(next);
}

ProbeReply answer(const ProbeQuestion& question) noexcept {
  ProbeReply reply{.entries = question.entries};
  const Places places(question.va);
  if (!can_try(question, places)) return reply;
  places.prepare();
  set_control({question.wp, question.smep, question.smap, question.nxe});
  for (u32 level = question.level; level <= ProbeQuestion::kLevels; ++level) {
    entry_of(question.va, level) = question.entries[level - 1];
  }
  if (!question.keeps) cpu::invlpg(question.va);

  const auto access = static_cast<Access>(question.access);
  const Awaited& trap = probe(question.va, access, question.as_user, question.ac, Code::kStored);
  reply.vector = static_cast<u32>(trap.vector);
  if (trap.vector == kBreakpoint) {
    const u8 al = static_cast<u8>(trap.rax);
    reply.pa = access == Access::load    ? places.loaded(al)
               : access == Access::store ? places.stored()
                                         : places.fetched(al);
    if (reply.pa != Places::kNowhere) reply.outcome = ProbeReply::reached;
  } else if (trap.vector == kPageFault) {
    reply.outcome = ProbeReply::page_fault;
    reply.error = trap.error;
    reply.cr2 = trap.cr2;
  }
  for (u32 level = question.level; level <= ProbeQuestion::kLevels; ++level) {
    reply.entries[level - 1] = entry_of(question.va, level);
  }
  return reply;
}

// While it lives, the CPU translates by the tables of the room.
class Visit {
 public:
  Visit() noexcept : root_(cpu::read_cr3()), control_(this_processor().control) {
    const u64 ours = kRoom.tables[ProbeQuestion::kLevels - 1];
    for (u64 i = kFirstEntry; i < kEndEntry; ++i) {
      entry_at(ours + i * 8) = entry_at(agent_root_at + i * 8);
    }
    cpu::write_cr3(ours);
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() {
    set_control(control_);
    cpu::write_cr3(root_);
    X86_64::flush_all_and_global();
  }

 private:
  u64 root_;
  Control control_;
};

}  // namespace

void answer(Probes& probes) noexcept {
  probes.room = kRoom;
  const usize count = std::min<usize>(probes.count, Probes::kMost);
  // ORDER: see Probes::done.
  probes.done.store(0, std::memory_order_relaxed);
  const Visit visit;
  for (u32 i = 0; i < count; ++i) {
    probes.replies[i] = answer(probes.questions[i]);
    probes.done.store(i + 1, std::memory_order_release);
  }
}

}  // namespace bare
