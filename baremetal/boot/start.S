// SPDX-License-Identifier: MPL-2.0
// From the loader to C++: protected mode (PVH) or, for the other CPUs, real mode, to long mode by
// the boot table, which maps the first GiB where it is and at kLinearBase (x86_64/layout.h).

.set kLinearBase, 0xffffc00000000000
.set kPresent, 1
.set kTable, 0x23        // Present, writable, accessed.
.set kUserTable, 0x27    // And the user's.
.set kLarge, 0xe3        // Present, writable, accessed, dirty, large.
.set kDevice, 0xfb       // And uncacheable.

.set kPaeAndPge, 0xa0    // CR4.
.set kEfer, 0xc0000080
.set kLmeAndNxe, 0x900
.set kPgWpPe, 0x80010001 // CR0.

// XEN_ELFNOTE_PHYS32_ENTRY. QEMU wants eight bytes of address.
.section .note.pvh, "a", @note
.balign 4
.long 4, 8, 18
.asciz "Xen"
.quad pvh_start

.section .boot.text, "ax"

.macro to_long_mode
  movl $boot_root, %eax
  movl %eax, %cr3
  movl %cr4, %eax
  orl $kPaeAndPge, %eax
  movl %eax, %cr4
  movl $kEfer, %ecx
  rdmsr
  orl $kLmeAndNxe, %eax
  wrmsr
  movl %cr0, %eax
  orl $kPgWpPe, %eax
  movl %eax, %cr0
.endm

// ebx: the physical address of hvm_start_info.
.code32
.globl pvh_start
pvh_start:
  cli
  cld
  lgdt boot_gdt_pointer
  to_long_mode
  ljmp $8, $long_start

.code64
long_start:
  xorl %eax, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %ebp, %ebp
  movabsq $first_stack_top, %rsp
  movl %ebx, %edi
  movabsq $start_first_cpu, %rax
  callq *%rax
  ud2

// Copied to where the other CPUs begin, at offset 0 of their code segment.
.code16
trampoline_begin:
  cli
  cld
  lgdtl %cs:(boot_gdt_pointer_copy - trampoline_begin)
  to_long_mode
  ljmpl $8, $long_start_other
.balign 4
boot_gdt_pointer_copy:
  .word 15
  .long boot_gdt
trampoline_end:

.code64
long_start_other:
  xorl %eax, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %ebp, %ebp
  movabsq $other_stack_top, %rax
  movq (%rax), %rsp
  movabsq $start_other_cpu, %rax
  callq *%rax
  ud2

.section .boot.data, "aw"
.balign 8
boot_gdt:
  .quad 0, 0x00209a0000000000  // A code segment of 64 bits.
boot_gdt_pointer:
  .word 15
  .long boot_gdt

// What a CPU translates by until it has descriptors of its own, and when it is started.
.balign 4096
boot_root:
  .quad linear_pdpt + kTable
  .fill 383, 8, 0
  .quad linear_pdpt + kTable
  .fill 127, 8, 0
// The agent's own: without the first.
agent_root:
  .fill 384, 8, 0
  .quad linear_pdpt + kTable
  .quad user_pdpt + kUserTable
  .fill 126, 8, 0
linear_pdpt:
  .quad linear_pd + kTable, 0, 0, apic_pd + kTable
  .fill 508, 8, 0
linear_pd:
  .set page, 0
  .rept 512
  .quad page * 0x200000 + kLarge
  .set page, page + 1
  .endr
apic_pd:
  .fill 503, 8, 0
  .quad 0xfee00000 + kDevice
  .fill 8, 8, 0
user_pdpt:
  .quad user_pd + kUserTable
  .fill 511, 8, 0
user_pd:
  .quad user_pt + kUserTable
  .fill 511, 8, 0
user_pt:
  .quad probe_code + 0x25  // Present, the user's, accessed: nobody writes there.
  .fill 511, 8, 0

// Where that is: for code that is linked elsewhere, and could not reach it.
.section .rodata
.balign 8
.globl agent_root_at, trampoline_at, trampoline_bytes
agent_root_at:
  .quad agent_root
trampoline_at:
  .quad trampoline_begin
trampoline_bytes:
  .quad trampoline_end - trampoline_begin

.bss
.balign 16
  .skip 0x10000
first_stack_top:
