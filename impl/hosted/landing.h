// SPDX-License-Identifier: MPL-2.0
// Where a panic lands in the tests: control returns to the last guarded() of this CPU. Nothing is
// unwound. A panic outside every guarded() ends the process with its reason.
#pragma once

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include "check/machine/cpu.h"
#include "impl/base/panic.h"

namespace mm::hosted {

struct Landing {
#if PAGETWIN_TSAN
  std::jmp_buf where;  // ThreadSanitizer keeps a stack of its own, and follows only this kind.
#else
  std::array<void*, 5> where;
#endif
  bool is_awaited = false;
  Panic code = Panic::none;
};
inline std::array<Landing, 4> landings;

inline Landing& landing() noexcept { return landings[check::machine::this_cpu()]; }

#if PAGETWIN_TSAN
#define PAGETWIN_LAND(landing) _setjmp((landing).where)
#else
#define PAGETWIN_LAND(landing) __builtin_setjmp((landing).where.data())
#endif

[[noreturn, gnu::cold, gnu::noinline]] inline void panic(Panic code, const char* why) noexcept {
  Landing& here = landing();
  if (!here.is_awaited) {
    std::fprintf(stderr, "mm panicked: %s\n", why);
    std::abort();
  }
  here.code = code;
#if PAGETWIN_TSAN
  longjmp(here.where, 1);
#else
  __builtin_longjmp(here.where.data(), 1);
#endif
}

// Apart, so that nothing of the body is kept in the frame to which a panic returns: the compiler may
// have used the same place for something else by then.
[[gnu::noinline]] void run_apart(auto&& body) noexcept { body(); }

// Runs `body`; says which panic ended it, if one did.
[[gnu::noinline]] Panic guarded(auto&& body) noexcept {
  Landing& here = landing();
  here.code = Panic::none;
  here.is_awaited = true;
  if (PAGETWIN_LAND(here) == 0) run_apart(body);
  landing().is_awaited = false;  // `here` did not survive the jump.
  return landing().code;
}

}  // namespace mm::hosted
