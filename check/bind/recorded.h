// SPDX-License-Identifier: MPL-2.0
// A platform with what one operation did written down: what the allocator chose, and what ending
// metadata found. And with the router: a loose page that a last handle gives back stays loose, any
// other goes to the allocator.
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

template <class Base>
struct Recorded : Base {
  static mm::Globals<Recorded>& globals() noexcept {
    static constinit mm::Globals<Recorded> the_globals;
    return the_globals;
  }

  static std::optional<mm::PhysAddr> alloc(mm::usize, mm::usize) noexcept {
    const std::optional<mm::PhysAddr> at = globals().allocator.alloc();
    if (at) {
      choices().taken.push(at->value / mm::kPageSize);
    } else {
      ++choices().refused;
    }
    return at;
  }

  static void dealloc(mm::PhysAddr at, mm::usize) noexcept {
    choices().given.push(at.value / mm::kPageSize);
    if (shape.is_allocators(at.value)) globals().allocator.dealloc(at);
  }

  // Of the operation that this CPU is at.
  static trace::Choices& choices() noexcept { return records_[Base::this_cpu()].choices; }
  static Ended& ended() noexcept { return records_[Base::this_cpu()].ended; }

  static inline constinit trace::Machine shape{};

 private:
  struct alignas(64) Record {
    trace::Choices choices;
    Ended ended;
  };
  static inline constinit std::array<Record, trace::Cpu::kMost> records_{};
};

}  // namespace check
