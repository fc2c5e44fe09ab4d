// SPDX-License-Identifier: MPL-2.0
// A platform with what one operation did written down: what the allocator chose, and what ending
// metadata found, what was reached of users' memory. With the router: a loose page that a last
// handle gives back stays loose, any other goes to the allocator. And with an allocator that
// refuses when it is told to, and takes no page back that a CPU may still reach through a space.
#pragma once

#include <array>

#include "impl/globals.h"
#include "trace/machine.h"
#include "trace/reply.h"

namespace check {

// What kinds.h notes when metadata ends; the last five results of every operation that may end it.
struct Ended {
  std::uint64_t on_drops = 0;
  std::uint64_t destroyed = 0;
  trace::Status claim = trace::Status::passed_over;
  trace::Status join = trace::Status::passed_over;
  std::uint64_t sum = 0;
};

// After so many requests, so many are refused.
struct Refusals {
  std::uint64_t after = 0;
  std::uint64_t times = 0;

  // Whether the next one is.
  bool take() {
    if (times == 0) return false;
    if (after != 0) return --after, false;
    return --times, true;
  }
};

// What a CPU did in users' memory, one access after another (trace/ops/user.h).
struct Reached {
  std::array<std::uint64_t, 3> pages{};
  std::uint64_t count = 0;  // Of all that were reached, and
  std::uint64_t walked = 0;
  std::uint64_t error = 0;
};

// The platform says of its last access to users' memory, `user_access()`: where the first `pages`
// are that it reached, for which pages it `walked`, and the fault's `error_code`.
template <class Base>
struct Recorded : Base {
  static mm::Globals<Recorded>& globals() noexcept {
    static constinit mm::Globals<Recorded> the_globals;
    return the_globals;
  }

  static std::optional<mm::PhysAddr> alloc(mm::usize bytes, mm::usize align) noexcept {
    std::optional<mm::PhysAddr> at;
    if (!refusals().take()) at = globals().allocator.alloc(bytes, align);
    if (at) {
      note(choices().taken, *at, bytes);
    } else {
      ++choices().refused;
    }
    return at;
  }
  static void dealloc(mm::PhysAddr at, mm::usize bytes) noexcept {
    if (Base::could_reach(at, bytes)) [[unlikely]]
      Base::panic(mm::Panic::broken, "INV-49: a page is given back that a CPU may still reach");
    note(choices().given, at, bytes);
    if (shape.is_allocators(at.value)) globals().allocator.dealloc(at, bytes);
  }
  static void add_free_memory(mm::PhysAddr at, mm::usize bytes) noexcept {
    note(choices().given, at, bytes);
    globals().allocator.add_free_memory(at, bytes);
  }

  // Each access goes on where the one before ended, at the end of a page.
  static mm::usize copy_from_user(void* bytes, mm::VirtAddr at, mm::usize n) noexcept {
    return note(at, n, Base::copy_from_user(bytes, at, n));
  }
  static mm::usize copy_to_user(mm::VirtAddr at, const void* bytes, mm::usize n) noexcept {
    return note(at, n, Base::copy_to_user(at, bytes, n));
  }
  static std::optional<mm::u32> load_user(mm::VirtAddr at) noexcept {
    return note(at, Base::load_user(at));
  }
  static std::optional<mm::u32> compare_exchange_user(mm::VirtAddr at, mm::u32 expected,
                                                      mm::u32 desired) noexcept {
    return note(at, Base::compare_exchange_user(at, expected, desired));
  }

  // Those of the machine's shape, not all that there can be.
  static mm::u32 cpu_count() noexcept { return shape.cpus.count; }

  // Of the operation that this CPU is at.
  static trace::Choices& choices() noexcept { return record().choices; }
  static Ended& ended() noexcept { return record().ended; }
  static Reached& reached() noexcept { return record().reached; }
  // Of this CPU, until said otherwise.
  static Refusals& refusals() noexcept { return record().refusals; }

  // Nothing is written down, and nothing will be refused.
  static void forget_records() noexcept {
    for (Record& record : records_) {
      clear(record.choices);
      record.refusals = {};
    }
  }
  static void clear(trace::Choices& choices) noexcept {
    choices.taken.count = choices.given.count = choices.refused = 0;
  }

  static inline constinit trace::Machine shape{};

 private:
  struct alignas(64) Record {
    trace::Choices choices;
    Ended ended;
    Reached reached;
    Refusals refusals;
  };

  static Record& record() noexcept { return records_[Base::this_cpu()]; }
  static void note(trace::PageList& pages, mm::PhysAddr at, mm::usize bytes) noexcept {
    for (mm::u64 i = 0; i < bytes / mm::kPageSize; ++i) pages.push(at.value / mm::kPageSize + i);
  }

  static mm::usize note(mm::VirtAddr at, mm::usize wanted, mm::usize copied) noexcept {
    const auto& seen = Base::user_access();
    Reached& all = reached();
    const mm::u64 begin = at.value % mm::kPageSize;
    const mm::u64 pages = copied == 0 ? 0 : (begin + copied - 1) / mm::kPageSize + 1;
    for (mm::u64 i = 0; i < pages && all.count + i < all.pages.size(); ++i) {
      all.pages[all.count + i] = seen.pages[i].value;
    }
    all.walked |= seen.walked << all.count;
    all.count += pages;
    if (copied < wanted) all.error = seen.error_code;
    return copied;
  }
  static std::optional<mm::u32> note(mm::VirtAddr at, std::optional<mm::u32> word) noexcept {
    (void)note(at, sizeof(mm::u32), word ? sizeof(mm::u32) : 0);
    return word;
  }

  static inline constinit std::array<Record, trace::Cpu::kMost> records_{};
};

}  // namespace check
