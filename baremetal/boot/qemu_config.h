// SPDX-License-Identifier: MPL-2.0
// What QEMU says of its machine by the device fw_cfg (docs/specs/fw_cfg.rst). PVH does not say how
// many CPUs there are, and a machine without ACPI nowhere else.
#pragma once

#include <string_view>

#include "baremetal/x86_64/cpu.h"

namespace bare {

inline mm::u8 next_of_qemu() noexcept { return cpu::inb(0x511); }
inline void ask_qemu(mm::u16 key) noexcept { cpu::outw(0x510, key); }

// 1 on any other machine.
inline mm::u32 cpus_of_qemu() noexcept {
  constexpr mm::u16 kSignature = 0, kCpus = 5;
  ask_qemu(kSignature);
  for (const char one : std::string_view("QEMU")) {
    if (next_of_qemu() != static_cast<mm::u8>(one)) return 1;
  }
  ask_qemu(kCpus);
  const mm::u32 low = next_of_qemu();
  return low | mm::u32{next_of_qemu()} << 8;
}

}  // namespace bare
