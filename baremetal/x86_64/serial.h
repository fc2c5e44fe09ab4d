// SPDX-License-Identifier: MPL-2.0
// COM1: the log, and the way out.
#pragma once

#include <string_view>

#include "baremetal/x86_64/cpu.h"
#include "baremetal/x86_64/layout.h"

namespace bare::serial {

inline constexpr u16 kPort = 0x3f8;

inline void start() noexcept {
  cpu::outb(kPort + 1, 0);     // No interrupts.
  cpu::outb(kPort + 3, 0x80);  // The divisor: 115200 baud.
  cpu::outb(kPort + 0, 1);
  cpu::outb(kPort + 1, 0);
  cpu::outb(kPort + 3, 3);  // 8n1.
  cpu::outb(kPort + 2, 7);  // FIFOs.
}

inline void put(char one) noexcept {
  while ((cpu::inb(kPort + 5) & 0x20) == 0) cpu::pause();
  cpu::outb(kPort, static_cast<u8>(one));
}

// Words and numbers, one after another.
inline void write(std::string_view text) noexcept {
  for (const char one : text) put(one);
}
inline void write(u64 number) noexcept {
  if (number >= 10) write(number / 10);
  put(static_cast<char>('0' + number % 10));
}
struct Hex {
  u64 value;
};
inline void write(Hex number) noexcept {
  write("0x");
  bool has_begun = false;
  for (int at = 60; at >= 0; at -= 4) {
    const u64 digit = number.value >> at & 15;
    has_begun |= digit != 0 || at == 0;
    if (has_begun) put("0123456789abcdef"[digit]);
  }
}
template <class... Parts>
void line(const Parts&... parts) noexcept {
  (write(parts), ...);
  put('\n');
}

}  // namespace bare::serial
