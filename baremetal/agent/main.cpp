// SPDX-License-Identifier: MPL-2.0
// The guest from its first instruction of C++: set up, say what is there, then answer the host
// until it is told to stop; or, if the command line says so, be tested itself.
//
//   boot       that is all; with a look at the machine (self_check.h)
//   kernel     instead, mm is this machine's kernel, over all of its memory (kernel_check.h)
//   cpus=N     no more than so many CPUs are used
//   fault=...  ends as it says: trap, double, triple, hang, undefined, panic
#include "baremetal/agent/kernel_check.h"
#include "baremetal/agent/mailbox.h"
#include "baremetal/agent/self_check.h"
#include "baremetal/agent/serve.h"
#include "baremetal/agent/system.h"
#include "baremetal/boot/qemu_config.h"
#include "baremetal/boot/start_info.h"
#include "baremetal/x86_64/exit.h"
#include "baremetal/x86_64/platform.h"
#include "baremetal/x86_64/serial.h"

namespace bare {
namespace {

static_assert(kMailboxAt >= kMailboxRegion && kMailboxAt + kMailboxRoom <= kRamEnd &&
              kRamBytes == kRamEnd && kTestedBytes == kTestedEnd);

constinit StartInfo info;

Mailbox& mailbox() { return *linear<Mailbox>(kMailboxAt); }

// What was asked, for whoever reads the log.
void tell_host(const CrashReport& report) noexcept {
  const Request& request = mailbox().request;
  if (request.what == What::apply) {
    const trace::Call call = trace::decode_call(request.call);
    serial::line("while CPU ", u64{call.lane.index}, " was asked ",
                 std::string_view(trace::name_of(call.op)));
  }
  Crash& crash = mailbox().crash;
  crash = {.vector = report.vector,
           .error = report.error,
           .cr2 = report.cr2,
           .rip = report.rip,
           .cpu = report.cpu};
  const std::string_view text = report.text;
  std::copy_n(text.begin(), std::min(text.size(), crash.text.size() - 1), crash.text.begin());
  // ORDER: see Mailbox::state.
  mailbox().state.store(State::crashed, std::memory_order_release);
}

[[noreturn]] void answer_the_host() {
  on_crash = tell_host;
  System system;
  Server server(mailbox(), system);
  server.greet(processor_count);
  for (;;) {
    if (!server.is_asked()) {
      wait_a_moment();
    } else if (!server.answer()) {
      serial::line("stopped");
      exit_with(Exit::passed);
    }
  }
}

// Each must be told apart by whoever started the guest.
void fault() {
  volatile int zero = 0;
  if (info.has("fault=trap")) *linear<volatile u8>(u64{1} << 38) = 0;
  if (info.has("fault=double")) {
    asm volatile("xorl %%esp, %%esp\n pushq %%rax" ::: "memory");  // No stack for the trap.
  }
  if (info.has("fault=triple")) {
    cpu::lidt({0, 0});
    cpu::ud2();
  }
  if (info.has("fault=hang")) {
    for (;;) cpu::hlt();
  }
  if (info.has("fault=undefined")) zero = 0x7fff'ffff + static_cast<int>(zero == 0);
  if (info.has("fault=panic")) X86_64::panic(Panic::broken, "a panic that nobody awaits");
}

}  // namespace

extern "C" [[noreturn]] void start_first_cpu(u64 start_info) noexcept;
extern "C" [[noreturn]] void start_first_cpu(u64 start_info) noexcept {
  serial::start();
  const bool is_pvh = info.read(start_info);
  processors[0].set_up(0);
  if (!is_pvh) crash("not started by PVH");
  if (const char* const what = Processor::lacks()) crash(what);
  if (!info.is_whole()) crash("the memory map is too long");
  if (info.memory().ram_end() < kRamEnd) crash("there is too little RAM");
  start_others(std::min({info.number("cpus", kMostCpus), cpus_of_qemu(), kMostCpus}));
  serial::line("pagetwin: ", u64{processor_count}, " CPUs, ", info.memory().ram_end() >> 20, " MiB");
  fault();
  const bool is_kernel = info.has("kernel");
  if (!info.has("boot") && !is_kernel) answer_the_host();
  const bool is_sound = (is_kernel ? check_kernel(info.memory()) : check_machine()) == 0;
  serial::line(is_sound ? "passed" : "failed");
  exit_with(is_sound ? Exit::passed : Exit::failed);
}

}  // namespace bare
