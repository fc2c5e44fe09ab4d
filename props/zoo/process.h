// SPDX-License-Identifier: MPL-2.0
// Work in a process of its own, and a value that both see: a planted bug may end it, or never end.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <signal.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace zoo {

// To be given back by munmap.
template <class T>
T& shared_value() {
  void* const memory =
      mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return *::new (memory) T();
}

// Runs `work` on such a value, for as long as it may take; how the process died, or "time" if it
// had to be ended.
template <class T>
std::string in_a_process(T& shared, double seconds, auto&& work) {
  const pid_t child = fork();
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)std::freopen("/dev/null", "w", stderr);
    work(shared);
    _exit(0);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (int status = 0;;) {
    if (waitpid(child, &status, WNOHANG) == child) {
      return WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
             : status != 0       ? "status " + std::to_string(WEXITSTATUS(status))
                                 : "";
    }
    if (std::chrono::steady_clock::now() > end) {
      (void)kill(child, SIGKILL);
      (void)waitpid(child, &status, 0);
      return "time";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace zoo
