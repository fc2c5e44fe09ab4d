// SPDX-License-Identifier: MPL-2.0
#include "baremetal/x86_64/trap.h"

#include "baremetal/x86_64/apic.h"
#include "baremetal/x86_64/exit.h"
#include "baremetal/x86_64/processor.h"
#include "baremetal/x86_64/serial.h"

namespace bare {

void (*on_crash)(const CrashReport& report) noexcept = nullptr;

// probe.S: the instructions that may fault, and where to go then.
extern "C" const char copy_bytes_copies[], copy_bytes_ends[];
extern "C" const char load_word_loads[], exchange_word_exchanges[], word_faults[];

namespace {

bool is_crashing = false;

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

// Where an instruction goes on that may fault; 0: it may not.
u64 after_fault(const Trap& trap) noexcept {
  if (trap.vector != kPageFault && trap.vector != kGeneralProtection) return 0;
  // SAFETY: labels; only their addresses are of interest.
  const auto at = [](const char* label) { return reinterpret_cast<u64>(label); };
  if (trap.rip == at(copy_bytes_copies)) return at(copy_bytes_ends);
  const bool is_word = trap.rip == at(load_word_loads) || trap.rip == at(exchange_word_exchanges);
  return is_word ? at(word_faults) : 0;
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
  if (const u64 next = after_fault(trap); next != 0) {
    own.awaited.cr2 = cpu::read_cr2();
    trap.rip = next;
    return;
  }
  crash({trap.vector, trap.error, cpu::read_cr2(), trap.rip, own.number, "an unexpected trap"});
}

}  // namespace bare
