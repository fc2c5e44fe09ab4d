// SPDX-License-Identifier: MPL-2.0
#include "baremetal/x86_64/processor.h"

#include "baremetal/x86_64/apic.h"
#include "baremetal/x86_64/roots.h"
#include "impl/platform/x86_64_entry.h"

namespace bare {

constinit Processor processors[kMostCpus]{};
constinit u32 processor_count = 1;

extern "C" {
extern const char trap_gates[], interrupt_gate[], spurious_gate[];  // trap.S
extern const u64 agent_root_at, trampoline_at, trampoline_bytes;    // boot/start.S
u64 other_stack_top;
void start_other_cpu() noexcept;
}

namespace {

struct Gate {
  u16 low;
  u16 selector;
  u8 stack;
  u8 type;
  u16 middle;
  u32 high;
  u32 reserved;
};
static_assert(sizeof(Gate) == 16);

constinit std::array<Gate, 256> gates{};

struct Stacks {
  alignas(16) std::array<u8, 0x1'0000> own;     // Of all but the first CPU.
  alignas(16) std::array<u8, 0x4000> of_traps;  // From ring 3.
  alignas(16) std::array<u8, 0x1000> of_double_fault;
};
constinit std::array<Stacks, kMostCpus> stacks{};

void set_gate(u64 vector, const char* code, u8 ring, u8 stack) noexcept {
  // SAFETY: only the address is of interest.
  const u64 at = reinterpret_cast<u64>(code);
  gates[vector] = {.low = static_cast<u16>(at),
                   .selector = kKernelCode,
                   .stack = stack,
                   .type = static_cast<u8>(0x8e | ring << 5),  // An interrupt gate.
                   .middle = static_cast<u16>(at >> 16),
                   .high = static_cast<u32>(at >> 32),
                   .reserved = 0};
}

void make_gates() noexcept {
  for (u64 vector = 0; vector < 32; ++vector) {
    // Ring 3 may raise the breakpoint by an instruction.
    set_gate(vector, trap_gates + vector * 16, vector == kBreakpoint ? 3 : 0,
             vector == kDoubleFault ? 1 : 0);
  }
  set_gate(kInterrupt, interrupt_gate, 0, 0);
  set_gate(kSpurious, spurious_gate, 0, 0);
}

u64 top_of(const auto& stack) noexcept {
  // SAFETY: only the address is of interest.
  return reinterpret_cast<u64>(stack.data() + stack.size());
}

// The other CPUs' life.
[[noreturn]] void serve(Processor& own) noexcept {
  for (;;) {
    // ORDER: see Processor::told.
    const u32 told = own.told.load(std::memory_order_acquire);
    if (told != own.done.load(std::memory_order_relaxed)) {
      own.job(own.job_with);
      own.done.store(told, std::memory_order_release);
    } else {
      wait_a_moment();
    }
  }
}

constinit std::atomic<u32> up_count{1};

}  // namespace

const char* Processor::lacks() noexcept {
  const u32 structured = cpu::cpuid(0).eax >= 7 ? cpu::cpuid(7).ebx : 0;
  const u32 extended = cpu::cpuid(0x8000'0000).eax >= 0x8000'0001 ? cpu::cpuid(0x8000'0001).edx : 0;
  if ((structured >> 7 & 1) == 0) return "the CPU has no SMEP";
  if ((structured >> 20 & 1) == 0) return "the CPU has no SMAP";
  if ((extended >> 20 & 1) == 0) return "the CPU has no NX";
  if ((extended >> 26 & 1) == 0) return "the CPU has no pages of 1 GiB";
  return nullptr;
}

void Processor::set_up(u32 its_number) noexcept {
  self = this;
  number = its_number;
  if (number == 0) {
    make_gates();
    apic::silence_predecessor();
  }

  // SAFETY: only the address is of interest.
  const u64 base = reinterpret_cast<u64>(&task);
  constexpr u64 kCode = 0x0020'9a00'0000'0000, kData = 0x0000'9200'0000'0000;
  constexpr u64 kRing3 = u64{3} << 45;
  gdt = {0,
         kCode,
         kData | kRing3,
         kCode | kRing3,
         (sizeof(TaskSegment) - 1) | (base & 0xff'ffff) << 16 | u64{0x89} << 40 |
             (base >> 24 & 0xff) << 56,
         base >> 32};
  task = {};
  task.set_stack_of_ring_0(top_of(stacks[number].of_traps));
  task.set_interrupt_stack(1, top_of(stacks[number].of_double_fault));
  task.set_no_io_map();
  cpu::lgdt({sizeof gdt - 1, reinterpret_cast<u64>(gdt.data())}, kKernelCode, kUserData);
  cpu::wrmsr(cpu::kGsBase, reinterpret_cast<u64>(this));
  cpu::lidt({sizeof gates - 1, reinterpret_cast<u64>(gates.data())});
  cpu::ltr(kTaskSegment);
  is_set_up_ = true;

  cpu::wrmsr(cpu::kPat, mm::X86_64Entry<>::kPat);
  cpu::write_cr0(cpu::read_cr0() & ~cpu::kCr0Am);
  cpu::write_cr4(cpu::read_cr4() | cpu::kCr4Pge);
  set_control({});
  cpu::write_cr3(agent_root_at);  // The boot table is dismissed.
  takes_interrupts = true;
  apic::enable();
}

void Processor::set_control(const Control& next) noexcept {
  auto with = [](u64 bits, u64 bit, bool is_set) { return is_set ? bits | bit : bits & ~bit; };
  cpu::write_cr0(with(cpu::read_cr0(), cpu::kCr0Wp, next.wp));
  cpu::write_cr4(with(with(cpu::read_cr4(), cpu::kCr4Smep, next.smep), cpu::kCr4Smap, next.smap));
  cpu::wrmsr(cpu::kEfer, with(cpu::rdmsr(cpu::kEfer), cpu::kEferNxe, next.nxe));
  control = next;
}

void Processor::set_root(u64 next) noexcept {
  const u64 before = root;
  if (next != 0) enter_root(next);
  root = next;
  cpu::write_cr3(next != 0 ? next : agent_root_at);
  if (before != 0) leave_root(before);
}

bool take_interrupt() noexcept {
  Processor& own = this_processor();
  if (!own.takes_interrupts) return false;
  const u64 before = own.interrupts;
  cpu::take_pending();
  return own.interrupts != before;
}

void wait_a_moment() noexcept {
  // ORDER: acquire: what let_interrupt()'s caller did before is visible to the handler.
  const u64 who = may_interrupt.load(std::memory_order_acquire);
  if ((who >> this_processor().number & 1) != 0) (void)take_interrupt();
  cpu::pause();
}

namespace {

void tell(Processor& other, Processor::Handler run, void* with) noexcept {
  other.job = run;
  other.job_with = with;
  // ORDER: see Processor::told.
  other.told.store(other.told.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}
void await(const Processor& other) noexcept {
  // ORDER: see Processor::told, which only the caller writes.
  const u32 told = other.told.load(std::memory_order_relaxed);
  while (other.done.load(std::memory_order_acquire) != told) wait_a_moment();
}

}  // namespace

void run_there(u32 on, Processor::Handler run, void* with) noexcept {
  Processor& other = processors[on];
  if (&other == &this_processor()) return run(with);
  tell(other, run, with);
  await(other);
}

void run_everywhere(Processor::Handler run, void* with) noexcept {
  for (u32 i = 1; i < processor_count; ++i) tell(processors[i], run, with);
  run(with);
  for (u32 i = 1; i < processor_count; ++i) await(processors[i]);
}

void start_others(u32 wanted) noexcept {
  __builtin_memcpy(linear<char>(kTrampolineAt), linear<char>(trampoline_at), trampoline_bytes);
  for (u32 next = 1; next < wanted; ++next) {
    // ORDER: the other CPU reads it after it was started, which is an order of its own.
    other_stack_top = top_of(stacks[next].own);
    apic::start(next, kTrampolineAt);
    for (u32 i = 0; i < 1'000'000 && up_count.load(std::memory_order_acquire) == next; ++i) {
      cpu::pause();
    }
    // ORDER: acquire pairs with the release of the one that came up.
    if (up_count.load(std::memory_order_acquire) == next) return;
    processor_count = next + 1;
  }
}

extern "C" void start_other_cpu() noexcept {
  const u32 number = up_count.load(std::memory_order_relaxed);
  Processor& own = processors[number];
  own.set_up(number);
  // ORDER: release: what was set up is visible to whoever sees it.
  up_count.store(number + 1, std::memory_order_release);
  serve(own);
}

}  // namespace bare
