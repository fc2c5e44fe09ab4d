// SPDX-License-Identifier: MPL-2.0
// Times one piece of work: by the wall, and by what the thread got of the processor. The work runs
// in a function of one name, to which callgrind is told to confine itself.
#pragma once

#include <ctime>
#include <type_traits>

extern "C" void pagetwin_timed(void (*work)(void*), void* with);

namespace bench {

inline constexpr const char* kTimedFunction = "pagetwin_timed";

struct Nanoseconds {
  double wall = 0, cpu = 0;
};

class Stopwatch {
 public:
  void time(auto&& work) {
    using Work = std::remove_reference_t<decltype(work)>;
    const double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
    pagetwin_timed([](void* with) { (*static_cast<Work*>(with))(); }, &work);
    taken_ = {.wall = now(CLOCK_MONOTONIC) - wall, .cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu};
  }

  Nanoseconds taken() const { return taken_; }

 private:
  static double now(clockid_t clock) {
    timespec time{};
    (void)clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  }

  Nanoseconds taken_;
};

}  // namespace bench
