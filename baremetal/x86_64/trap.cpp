// SPDX-License-Identifier: MPL-2.0
#include "baremetal/x86_64/trap.h"

#include "baremetal/x86_64/apic.h"
#include "baremetal/x86_64/exit.h"
#include "baremetal/x86_64/processor.h"
#include "baremetal/x86_64/serial.h"

namespace bare {

void (*on_crash)(const CrashReport& report) noexcept = nullptr;

// In probe.S: instructions that may fault, and where to go then.
extern "C" const char copy_bytes_copies[], copy_bytes_ends[], try_load_word_loads[],
    try_exchange_word_exchanges[], try_word_ends[];

namespace {

bool is_crashing = false;

// 0: nowhere.
u64 way_out_of(u64 rip) noexcept {
  struct Way {
    const char* from;
    const char* to;
  };
  for (const Way& one :
       {Way{copy_bytes_copies, copy_bytes_ends}, Way{try_load_word_loads, try_word_ends},
        Way{try_exchange_word_exchanges, try_word_ends}}) {
    // SAFETY: labels; only their addresses are of interest.
    if (rip == reinterpret_cast<u64>(one.from)) return reinterpret_cast<u64>(one.to);
  }
  return 0;
}

void go_on(Trap& trap, Awaited& awaited) noexcept {
  awaited.vector = trap.vector;
  awaited.error = trap.error;
  awaited.cr2 = cpu::read_cr2();
  awaited.rax = trap.rax;
  trap.rip = awaited.rip;
  trap.rsp = awaited.rsp;
  trap.cs = kKernelCode;
  trap.ss = 0;
  trap.rflags = kFlagsOfKernel;
  awaited.rip = 0;
}

}  // namespace

void crash(const CrashReport& report) noexcept {
  if (is_crashing) exit_with(Exit::crashed);  // While it was said.
  is_crashing = true;
  if (report.vector == CrashReport::kNoVector) {
    serial::line("crash on CPU ", report.cpu, ": ", report.text);
  } else {
    serial::line("crash on CPU ", report.cpu, ": vector ", report.vector, ", error ",
                 serial::Hex{report.error}, ", CR2 ", serial::Hex{report.cr2}, ", RIP ",
                 serial::Hex{report.rip});
  }
  if (on_crash != nullptr) on_crash(report);
  exit_with(Exit::crashed);
}

void crash(const char* text) noexcept {
  crash({.cpu = Processor::is_set_up() ? this_processor().number : 0, .text = text});
}

extern "C" void handle_trap(Trap& trap) noexcept {
  Processor& own = this_processor();
  if (trap.vector == kInterrupt) {
    apic::end_of_interrupt();
    return own.interrupted();
  }
  if (own.awaited.rip != 0 && trap.vector != kDoubleFault) return go_on(trap, own.awaited);
  const u64 way_out = way_out_of(trap.rip);
  if (way_out != 0 && (trap.vector == kPageFault || trap.vector == kGeneralProtection)) {
    own.awaited.cr2 = cpu::read_cr2();
    trap.rip = way_out;
    return;
  }
  crash({trap.vector, trap.error, cpu::read_cr2(), trap.rip, own.number, "an unexpected trap"});
}

}  // namespace bare
