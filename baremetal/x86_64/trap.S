// SPDX-License-Identifier: MPL-2.0
// Traps: a gate each, which makes a Trap (trap.h) of what the CPU has pushed.

.text
trap_common:
  pushq %r15
  pushq %r14
  pushq %r13
  pushq %r12
  pushq %r11
  pushq %r10
  pushq %r9
  pushq %r8
  pushq %rbp
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %rbx
  pushq %rax
  cld
  movq %rsp, %rdi
  callq handle_trap
  popq %rax
  popq %rbx
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
  popq %rbp
  popq %r8
  popq %r9
  popq %r10
  popq %r11
  popq %r12
  popq %r13
  popq %r14
  popq %r15
  addq $16, %rsp
  iretq

// Those of 32 exceptions that push an error code: 8, 10 to 14, 17, 21, 29, 30.
.set kWithError, 0x60227d00

.set vector, 0
.rept 32
.balign 16
.if vector == 0
.globl trap_gates
trap_gates:
.endif
.if (kWithError >> vector) & 1 == 0
  pushq $0
.endif
  pushq $vector
  jmp trap_common
.set vector, vector + 1
.endr

.balign 16
.globl interrupt_gate, spurious_gate
interrupt_gate:
  pushq $0
  pushq $0x40
  jmp trap_common

.balign 16
spurious_gate:
  iretq
