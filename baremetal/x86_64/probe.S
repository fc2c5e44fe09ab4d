// SPDX-License-Identifier: MPL-2.0
// Accesses of which nobody knows how they end, with fix-up (trap.h).

// Those that a function must leave as they were.
.macro push_callers_registers
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
.endm
.macro pop_callers_registers
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
.endm

.text
// void enter(Awaited* awaited, const Entry* entry): goes where `entry` says, by iretq, and comes
// back with the first trap, whatever that is.
.globl enter
enter:
  push_callers_registers
  movq %rsp, 8(%rdi)
  leaq 1f(%rip), %rax
  movq %rax, (%rdi)
  pushq 8(%rsi)   // SS
  movq 16(%rsi), %rax
  testq %rax, %rax
  cmoveq %rsp, %rax
  pushq %rax      // RSP; 0: as it is, for ring 0 needs one.
  pushq 24(%rsi)  // RFLAGS
  pushq 32(%rsi)  // CS
  pushq 40(%rsi)  // RIP
  movq (%rsi), %rdi
  movq 48(%rsi), %rsi
  iretq
1:
  pop_callers_registers
  retq

// u64 copy_bytes(to, from, bytes): see cpu.h.
.globl copy_bytes, copy_bytes_copies, copy_bytes_ends
copy_bytes:
  movq %rdx, %rcx
copy_bytes_copies:
  rep movsb
copy_bytes_ends:
  movq %rcx, %rax
  retq

// u64 try_load_word(at), u64 try_exchange_word(at, expected, desired): see cpu.h.
.globl try_load_word, try_load_word_loads, try_exchange_word, try_exchange_word_exchanges
.globl try_word_ends
try_load_word:
try_load_word_loads:
  movl (%rdi), %eax
  btsq $32, %rax
  retq
try_exchange_word:
  movl %esi, %eax
try_exchange_word_exchanges:
  lock cmpxchgl %edx, (%rdi)
  btsq $32, %rax
  retq
try_word_ends:
  xorl %eax, %eax
  retq

// Of ring 3, and of ring 0 by the linear map: both end in a breakpoint.
.section .boot.user, "ax"
.balign 4096
.globl probe_code
probe_code:
// At 0: loads.
  movb (%rdi), %al
  int3
.balign 16
// At 16: stores.
  movb %sil, (%rdi)
  int3
.balign 4096

.section .rodata
.balign 8
.globl probe_code_at
probe_code_at:
  .quad probe_code

// u64 lost_registers(): takes what is pending with a number of its own in each register, and says
// how many have another then, or 0.
.text
.globl lost_registers
.macro each_register what
  \what rbx, 1
  \what rcx, 2
  \what rdx, 3
  \what rsi, 4
  \what rdi, 5
  \what rbp, 6
  \what r8, 7
  \what r9, 8
  \what r10, 9
  \what r11, 10
  \what r12, 11
  \what r13, 12
  \what r14, 13
  \what r15, 14
.endm
.macro fill_register name, number
  movq $0x5a5a000 + \number, %\name
.endm
.macro compare_register name, number
  cmpq $0x5a5a000 + \number, %\name
  je 2f
  incq %rax
2:
.endm
lost_registers:
  push_callers_registers
  movq %rsp, stack_of_lost(%rip)
  each_register fill_register
  xorl %eax, %eax
  sti
  nop
  cli
  each_register compare_register
  cmpq %rsp, stack_of_lost(%rip)
  je 1f
  incq %rax
  movq stack_of_lost(%rip), %rsp
1:
  pop_callers_registers
  retq

.bss
.balign 8
stack_of_lost:
  .skip 8
