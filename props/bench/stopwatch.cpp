// SPDX-License-Identifier: MPL-2.0
#include "props/bench/stopwatch.h"

[[gnu::noinline]] void pagetwin_timed(void (*work)(void*), void* with) {
  work(with);
  asm volatile("");  // Not a jump: callgrind must see this function return.
}
