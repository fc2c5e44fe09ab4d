// SPDX-License-Identifier: MPL-2.0
// The CPUs of the simulated machine: what each keeps for itself, and which of them runs.
#pragma once

#include <array>
#include <cstdint>

#include "check/machine/sanitizer.h"

namespace check::machine {

struct Cpu {
  std::uint64_t root = 0;
  bool takes_interrupts = true;
  std::uint32_t preemption_disabled = 0;
  std::uint64_t quiescent_count = 0;
};

inline std::array<Cpu, 4> cpus;

namespace detail {
// Of the running thread or lane; kept by whoever switches lanes.
inline constinit thread_local std::uint32_t this_cpu = 0;
}  // namespace detail

PAGETWIN_UNSEEN inline std::uint32_t this_cpu() noexcept { return detail::this_cpu; }
PAGETWIN_UNSEEN inline void become(std::uint32_t cpu) noexcept { detail::this_cpu = cpu; }

}  // namespace check::machine
