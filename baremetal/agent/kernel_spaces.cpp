// SPDX-License-Identifier: MPL-2.0
// What a kernel maps once it is up: areas for itself, and spaces for users. What is taken out again
// every CPU must have forgotten, told by an interrupt; and everything must come back.
#include "baremetal/agent/kernel_parts.h"
#include "impl/vm/kernel_area.h"
#include "impl/vm/space.h"

namespace bare {
namespace {

using mm::CachePolicy, mm::PageFlags, mm::PageProperty;
using Area = mm::KernelArea<KernelConfig>;
using Space = mm::VmSpace<Kernel>;
using SpaceCursor = mm::SpaceCursorMut<Kernel>;

// All other CPUs.
u64 others() noexcept { return (u64{1} << processor_count) - 2; }

// Every CPU passes: what was given up is dropped. Twice, for that may give up more.
void quiesce_everywhere() noexcept {
  for (int round = 0; round < 2; ++round) {
    on_each_cpu([] { (void)mm::quiesce<Kernel>(Kernel::this_cpu()); });
  }
}

// Bytes by which pages are known.
u8 mark_of(u64 page) noexcept { return static_cast<u8>(0x31 + 7 * page); }

// Interrupts that all CPUs have taken.
std::array<u64, kMostCpus> interrupts() noexcept {
  std::array<u64, kMostCpus> all{};
  for (u32 i = 0; i < processor_count; ++i) all[i] = processors[i].interrupts;
  return all;
}
// How many CPUs have taken one since then.
u32 told_since(const std::array<u64, kMostCpus>& before) noexcept {
  const auto now = interrupts();
  u32 told = 0;
  for (u32 i = 0; i < processor_count; ++i) told += now[i] != before[i] ? 1 : 0;
  return told;
}

// --- Areas

// Frames in the middle of an area; every CPU has loaded from them when they are taken out.
void use_frames(Checks& checks, const KernelTable& table) noexcept {
  constexpr u64 kPages = 9, kFirst = 2, kFrames = 5;
  auto made = mm::FrameAllocOptions<Kernel>().alloc_segment(kFrames);
  if (!checks.expect("there is a segment", made.ok())) return;
  auto frames = made.take();
  const u64 at = frames.start_paddr().value;
  for (u64 i = 0; i < kFrames; ++i) at_physical<u8>(at + i * 4096) = mark_of(i);

  Area area;
  const auto mapped = Area::map_frames(area, table, kPages, kFirst, frames, mm::kKernelData);
  checks.expect("frames are mapped in an area", !mapped.stopped_by && mapped.pages == kFrames);
  const u64 begin = area.begin().value;
  checks.expect("the area lies where the layout has areas",
                mm::kLayout.areas.contains(begin) && area.end().value <= mm::kLayout.areas.end);
  on_each_cpu([&] {
    bool is_right = true;
    for (u64 i = 0; i < kPages; ++i) {
      const Seen seen = load(begin + i * 4096);
      const bool is_mapped = kFirst <= i && i < kFirst + kFrames;
      is_right = is_right && (is_mapped ? seen.gives(mark_of(i - kFirst)) : seen.faults(0));
    }
    checks.expect("every CPU finds the frames in it, and nothing beside them", is_right);
    checks.expect("an area is for data", fetch(begin + kFirst * 4096).faults(0x11));
  });
  checks.expect("what a CPU stores there is in the frame",
                store(begin + kFirst * 4096 + 1, 0x77).is_ok && at_physical<u8>(at + 1) == 0x77);

  const auto before = interrupts();
  const mm::AreaDropped dropped = drop(std::move(area));
  checks.expect("all that was in it was taken out",
                dropped.pages == kFrames && dropped.tables == 0 && (dropped.cpus & ~others()) == 0);
  checks.expect("each of the others was told so by an interrupt",
                told_since(before) == processor_count - 1);
  on_each_cpu([&] {
    bool is_gone = true;
    for (u64 i = 0; i < kPages; ++i) is_gone = is_gone && load(begin + i * 4096).faults(0);
    checks.expect("no CPU knows the area any more", is_gone);
  });
}

// Memory that nobody counts, in 2 MiB; and a page of it taken apart.
void use_memory(Checks& checks, const KernelTable& table) noexcept {
  constexpr u64 kPages = 512, kFrom = 0;
  Area area;
  const auto mapped = Area::map_range(area, table, kPages, 0, {kFrom}, kPages, mm::kKernelData);
  const u64 begin = area.begin().value;
  checks.expect("2 MiB of memory are mapped in an area, at once",
                !mapped.stopped_by && leaf_at(cpu::read_cr3(), begin).level == 2);
  on_each_cpu([&] {
    checks.expect("every CPU finds the memory in it",
                  load(begin + 5).gives(at_physical<u8>(kFrom + 5)) &&
                      load(begin + span_of(2) - 1).gives(at_physical<u8>(kFrom + span_of(2) - 1)));
  });
  auto upper = area.split(100);
  checks.expect("an area is split within a large page",
                upper.ok() && leaf_at(cpu::read_cr3(), begin).level == 1);
  if (!upper.ok()) return;
  (void)drop(upper.take());
  on_each_cpu([&] {
    checks.expect("one part goes, and the other stays",
                  load(begin + 99 * 4096).is_ok && load(begin + 100 * 4096).faults(0));
  });
}

// --- Spaces

// Pages of a program.
constexpr u64 kProgram = 0x40'0000, kHeap = kProgram + 4096, kConstants = kHeap + 4096,
              kProgramEnd = kConstants + 4096;

Seen by_program(u64 at, Access how, u8 value = 0) noexcept {
  return access(kProgram, at, how, true, value);
}

bool map_page(const Space& space, u64 at, u8 flags, u64& page) noexcept {
  auto made = mm::FrameAllocOptions<Kernel>().alloc_segment(1);
  if (!made.ok()) return false;
  auto frame = made.take();
  page = frame.start_paddr().value;
  auto opened = SpaceCursor::open(space, {at}, {at + 4096});
  if (!opened.ok()) return false;
  auto cursor = opened.take();
  return !cursor.map_segment(frame, {.flags = {flags}, .privileged = {}}).stopped_by;
}

struct Program {
  u64 code = 0, heap = 0, constants = 0;  // Physically.

  bool map(const Space& space) noexcept {
    constexpr u8 kR = PageFlags::kReadable, kW = PageFlags::kWritable, kX = PageFlags::kExecutable;
    if (!map_page(space, kProgram, kR | kX, code) || !map_page(space, kHeap, kR | kW, heap) ||
        !map_page(space, kConstants, kR, constants)) {
      return false;
    }
    __builtin_memcpy(&at_physical<u8>(code), &at_physical<u8>(probe_code_at), 64);
    at_physical<u8>(heap) = 0x6b;
    return true;
  }
};

bool has_kernels_half(u64 root, u64 kernel) noexcept {
  constexpr u64 kBits = kAddressBits | kPresent | kWritable | kUser | kLeaf;
  for (u64 i = 256; i < 512; ++i) {
    const u64 own = at_physical<u64>(root + i * 8), theirs = at_physical<u64>(kernel + i * 8);
    if ((own & kBits) != (theirs & kBits)) return false;
  }
  return true;
}

void run_program(Checks& checks, const Program& program, u8 step) noexcept {
  const u64 base = mm::kLayout.linear.begin;
  checks.expect("ring 3 loads what the kernel has stored",
                by_program(kHeap, Access::load).gives(at_physical<u8>(program.heap)));
  checks.expect("ring 3 stores", by_program(kHeap, Access::store, step).is_ok &&
                                     at_physical<u8>(program.heap) == step);
  checks.expect("ring 3 loads constants, and does not store to them",
                by_program(kConstants, Access::load).is_ok &&
                    by_program(kConstants, Access::store).faults(7));
  checks.expect("ring 3 does not store to code", by_program(kProgram, Access::store).faults(7));
  checks.expect("ring 3 does not execute data", by_program(kHeap, Access::fetch).faults(0x15));
  checks.expect("ring 3 does not reach what is not mapped",
                by_program(kProgramEnd, Access::load).faults(4));
  checks.expect("ring 3 does not reach anything of the kernel's",
                by_program(base, Access::load).faults(5) &&
                    by_program(kLinearBase + Image::here().data, Access::store).faults(7) &&
                    by_program(mm::kLayout.metadata.begin, Access::load).faults(5) &&
                    by_program(probe_code_of_kernel(), Access::fetch).faults(0x15));
  checks.expect("the kernel does not reach it unawares",
                load(kHeap).faults(1) && fetch(kProgram).faults(0x11));
  u32 word = 0;
  checks.expect("the kernel copies from the program, and not to its constants, when it means to",
                Kernel::copy_from_user(&word, {kHeap}, 1) == 1 && word == step &&
                    Kernel::copy_to_user({kConstants}, &word, 1) == 0);
  constexpr u64 kAc = 1 << 18;
  checks.expect("and cannot by mistake, when it has copied", (cpu::read_flags() & kAc) == 0);
  const u32 whole = at_physical<u32>(program.heap);
  checks.expect("so it loads and exchanges words",
                Kernel::load_user({kHeap}) == whole &&
                    Kernel::compare_exchange_user({kHeap}, whole, whole) == whole &&
                    !Kernel::load_user({kProgramEnd}) &&
                    !Kernel::compare_exchange_user({kConstants}, 0, 0));
}

// What the kernel maps for itself is found by a CPU whatever it translates by.
void map_meanwhile(Checks& checks, const KernelTable& table) noexcept {
  auto made = mm::FrameAllocOptions<Kernel>().alloc_segment(1);
  if (!checks.expect("there is a frame", made.ok())) return;
  auto frame = made.take();
  at_physical<u8>(frame.start_paddr().value) = 0x42;
  Area area;
  checks.expect("an area is made while users run",
                !Area::map_frames(area, table, 1, 0, frame, mm::kKernelData).stopped_by);
  on_each_cpu(
      [&] { checks.expect("a CPU finds it in the space", load(area.begin().value).gives(0x42)); });
}

// All of [at, end), by the first CPU. How many others it has told, and waited for.
u32 unmap(Checks& checks, const Space& space, u64 at, u64 end) noexcept {
  const auto before = interrupts();
  auto opened = SpaceCursor::open(space, {at}, {end});
  if (!checks.expect("a cursor can be opened", opened.ok())) return 0;
  auto cursor = opened.take();
  const mm::Progress run = cursor.unmap(end - at);
  checks.expect("pages of a program are unmapped",
                !run.stopped_by && run.pages == (end - at) / 4096);
  (void)cursor.flusher().sync();
  return told_since(before);
}

void use_space(Checks& checks, const KernelTable& table) noexcept {
  auto made = Space::create_user_page_table(table);
  if (!checks.expect("there is a space", made.ok())) return;
  Space space = made.take();
  Program program;
  checks.expect("a program is mapped", program.map(space));
  const u64 root = space.root_paddr().value;
  if (!checks.expect("a space has the kernel's half",
                     has_kernels_half(root, table.root_paddr().value))) {
    return;
  }
  on_each_cpu([&] {
    const mm::ReadSection<Kernel> section;
    space.activate();
    checks.expect("the CPU translates by the space", cpu::read_cr3() == root);
    run_program(checks, program, static_cast<u8>(0x80 + Kernel::this_cpu()));
  });
  map_meanwhile(checks, table);
  checks.expect("each of the others is told by an interrupt what is unmapped",
                unmap(checks, space, kHeap, kProgramEnd) == processor_count - 1);
  on_each_cpu([&] {
    checks.expect("no CPU knows the program's pages any more",
                  by_program(kHeap, Access::load).faults(4) &&
                      by_program(kConstants, Access::load).faults(4));
  });

  auto leave = [&] {
    const mm::ReadSection<Kernel> section;
    table.activate();
    checks.expect("the kernel's table has no program", load(kProgram).faults(0));
  };
  for (u32 i = 1; i < processor_count; ++i) on_cpu(i, leave);
  checks.expect("no CPU that has left the space is told",
                unmap(checks, space, kProgram, kHeap) == 0);
  checks.expect("a space that a CPU translates by outlives its handle", !drop(std::move(space)));
  on_cpu(0, leave);
}

// The first time, tables are made that stay.
void check_that_all_comes_back(Checks& checks, auto&& use) noexcept {
  use();
  quiesce_everywhere();
  const u64 free = free_pages();
  use();
  checks.expect("what was given up is not free at once", free_pages() < free);
  quiesce_everywhere();
  checks.expect("everything has come back", free_pages() == free);
}

}  // namespace

void check_areas(Checks& checks, const KernelTable& table) noexcept {
  check_that_all_comes_back(checks, [&] {
    use_frames(checks, table);
    use_memory(checks, table);
  });
}

void check_spaces(Checks& checks, const KernelTable& table) noexcept {
  check_that_all_comes_back(checks, [&] { use_space(checks, table); });
}

}  // namespace bare
