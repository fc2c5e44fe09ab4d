// SPDX-License-Identifier: MPL-2.0
#include "baremetal/agent/kernel_use.h"

#include "impl/frame/alloc_options.h"
#include "impl/vm/kernel_area.h"
#include "impl/vm/space.h"

namespace bare {
namespace {

using mm::PageFlags;
using Area = mm::KernelArea<KernelConfig>;
using Space = mm::VmSpace<Kernel>;

class UseCheck {
 public:
  UseCheck(Checks& checks, const KernelTable& table) noexcept : checks_(checks), table_(table) {}

  void run() noexcept {
    let_interrupts_in();
    for (int round = 0; round < 2; ++round) {
      check_balance([&] {
        check_area();
        check_large_area();
      });
      check_balance([&] { check_space(); });
    }
    check_balance([&] { check_at_once(); });
  }

 private:
  void expect(const char* what, bool holds) noexcept { (void)checks_.expect(what, holds); }
  u64 root() const noexcept { return table_.root_paddr().value; }

  // Whatever was taken is given back, but for the kernel's own tables, which stay.
  void check_balance(auto&& work) noexcept {
    const u64 free = free_pages(), tables = tables_below(root(), 4, mm::kEntries / 2);
    work();
    // A period may run, and another wait behind it.
    for (int i = 0; i < 3; ++i) on_each([] { (void)mm::quiesce<Kernel>(Kernel::this_cpu()); });
    const u64 grown = tables_below(root(), 4, mm::kEntries / 2) - tables;
    expect("all frames are given back", free_pages() == free - grown);
  }

  static u64 cpus() noexcept { return ~u64{0} >> (64 - processor_count); }
  static u64 other_cpus() noexcept { return cpus() & ~(u64{1} << Kernel::this_cpu()); }
  static void let_interrupts_in() noexcept { X86_64::let_interrupt(cpus()); }
  // Who was about to take one has done so when this returns.
  static void hold_interrupts_back() noexcept {
    X86_64::let_interrupt(0);
    on_each([] {});
  }
  // How often each was interrupted.
  static std::array<u64, kMostCpus> interrupts() noexcept {
    std::array<u64, kMostCpus> all{};
    for (u32 i = 0; i < processor_count; ++i) all[i] = processors[i].interrupts;
    return all;
  }
  void expect_interrupts_since(const std::array<u64, kMostCpus>& before) noexcept {
    bool holds = true;
    for (u32 i = 1; i < processor_count; ++i) holds = holds && processors[i].interrupts > before[i];
    expect("every other CPU was interrupted", holds);
  }

  // Five pages, and frames in the middle.
  void check_area() noexcept {
    auto frames = mm::FrameAllocOptions<Kernel>().alloc_segment(3);
    if (!checks_.expect("there are frames", frames.ok())) return;
    auto segment = frames.take();
    const u64 at = segment.start_paddr().value;
    Area area;
    const auto mapped = Area::map_frames(area, table_, 5, 1, segment, mm::kKernelData);
    if (!checks_.expect("an area is made", !mapped.stopped_by && mapped.pages == 3)) return;
    const u64 begin = area.begin().value;
    expect("an area lies where areas do",
           kKernelLayout.areas.contains(begin) && area.end().value <= kKernelLayout.areas.end);
    on_each([&] {
      for (u64 page = 0; page < 5; ++page) {
        const u64 there = begin + page * kPage + 8 * page;
        if (page == 0 || page == 4) {
          expect("nothing is mapped around them", faults(there, Access::load, kAbsent));
          continue;
        }
        u64& word = word_of(at + (page - 1) * kPage + 8 * page);
        word = tag_of(there) + Kernel::this_cpu();
        expect("frames are read in their area", load(there) == word);
        expect("and written", is_reached(there, Access::store, 0x77) && (word & 0xff) == 0x77);
        expect("and not executed", faults(there, Access::fetch, kRights | kByFetch));
      }
      expect("the kernel's pages are global",
             (leaf_of(root(), begin + kPage).entry & kGlobal) != 0);
    });
    const auto before = interrupts();
    const auto dropped = drop(std::move(area));
    expect("the frames are taken out, and only other CPUs waited for",
           dropped.pages == 3 && (dropped.cpus & ~other_cpus()) == 0);
    expect_interrupts_since(before);
    on_each([&] {
      bool holds = true;
      for (u64 page = 0; page < 5; ++page) {
        holds = holds && faults(begin + page * kPage + 8 * page, Access::load, kAbsent);
      }
      expect("no CPU knows an area that was dropped", holds);
    });
  }

  // Of one large page: then a small one in it gets rights of its own.
  void check_large_area() noexcept {
    const std::optional<PhysAddr> memory = Kernel::alloc(kLargePage, kLargePage);
    if (!checks_.expect("there is a large page", memory.has_value())) return;
    Area area;
    const auto mapped = Area::map_range(area, table_, 2 * kPagesOfLarge, kPagesOfLarge, *memory,
                                        kPagesOfLarge, mm::kKernelData);
    if (!checks_.expect("an area is made", !mapped.stopped_by)) return;
    const u64 begin = area.begin().value + kLargePage;
    expect("a large page is mapped where it fits",
           leaf_of(root(), begin).level == (begin % kLargePage == 0 ? 2 : 1));
    const u64 odd = begin + 100 * kPage;
    on_each([&] { expect("it is written", is_writable(odd) && is_writable(odd + kPage)); });

    const auto before = interrupts();
    auto flusher = mm::Flusher<Kernel>::of_kernel();
    {
      auto cursor = mm::CursorMut<KernelConfig>::open(table_, {odd}, {odd + kPage});
      const bool is_done =
          cursor.ok() && cursor.value()
                             .protect_next(kPage,
                                           [](PageFlags& flags, mm::CachePolicy&) noexcept {
                                             flags.bits = PageFlags::kReadable;
                                           })
                             .ok();
      expect("one page of a large one is protected", is_done);
      hold_interrupts_back();
      flusher.issue_pages({odd}, 1);
      (void)flusher.dispatch();
    }
    on_others([&] { checks_.note_stale(is_writable(odd)); });
    expect("the other CPUs are yet to flush", flusher.behind() == other_cpus());
    let_interrupts_in();
    (void)flusher.sync();
    expect_interrupts_since(before);
    on_each([&] {
      expect("the page is not written", faults(odd, Access::store, kRights | kByStore));
      bool holds = true;
      for (u64 at = begin; at < begin + kLargePage; at += kPage) {
        holds = holds && (at == odd || is_writable(at)) &&
                load(at) == load(Kernel::kMemoryBase + memory->value + (at - begin));
      }
      expect("all others of the large page are, and lead where they did", holds);
    });
    (void)drop(std::move(area));
    on_each([&] {
      expect("no CPU knows a large page that was dropped",
             faults(begin, Access::load, kAbsent) && faults(odd, Access::load, kAbsent));
    });
    Kernel::dealloc(*memory, kLargePage);
  }
  void on_others(auto&& job) noexcept {
    for (u32 i = 1; i < processor_count; ++i) on(i, job);
  }

  static bool map_user(const Space& space, u64 at, mm::UFrame<Kernel>&& frame, u8 rights) noexcept {
    auto cursor = mm::SpaceCursorMut<Kernel>::open(space, {at}, {at + kPage});
    return cursor.ok() &&
           cursor.value()
               .map(Space::Config::Items::Item::tracked(std::move(frame), {{rights}, {}, {}}))
               .ok();
  }
  // In ring 3, by the program's own code: probe.S's, copied there.
  static const Awaited& touch(u64 at, Access how, u8 value = 0) noexcept {
    Processor& own = this_processor();
    const u64 code = kProgramAt + (how == Access::store ? 16 : 0);
    const Entry entry{.rdi = at,
                      .ss = kUserData,
                      .rsp = 0,
                      .rflags = kFlagsOfKernel,
                      .cs = kUserCode,
                      .rip = how == Access::fetch ? at : code,
                      .rsi = value};
    enter(&own.awaited, &entry);
    return own.awaited;
  }
  static bool user_faults(u64 at, Access how, u64 error) noexcept {
    const Awaited& trap = touch(at, how);
    return trap.vector == kPageFault && trap.error == (error | kByUser) && trap.cr2 == at;
  }
  static bool user_reaches(u64 at, Access how, u8 value = 0) noexcept {
    const Awaited& trap = touch(at, how, value);
    return trap.vector == kBreakpoint && (how != Access::load || (trap.rax & 0xff) == value);
  }
  static void go_to(const auto& table) noexcept {
    const mm::ReadSection<Kernel> section;
    table.activate();
  }

  // A space with a program of one page, and one of data.
  void check_space() noexcept {
    auto made = Space::create_user_page_table(table_);
    if (!checks_.expect("a space is made", made.ok())) return;
    std::optional<Space> space(made.take());
    const u64 user_root = space->root_paddr().value;
    bool is_shared = true;
    for (u64 i = 0; i < mm::kEntries; ++i) {
      const u64 kernels = word_of(root() + i * 8) & ~kAccessed;
      is_shared = is_shared && (word_of(user_root + i * 8) & ~kAccessed) == kernels;
    }
    expect("a space has the kernel's half, and else nothing", is_shared);

    auto code = mm::FrameAllocOptions<Kernel>().alloc_frame();
    auto data = mm::FrameAllocOptions<Kernel>().alloc_frame();
    if (!checks_.expect("there are frames", code.ok() && data.ok())) return;
    const mm::UFrame<Kernel> kept(data.take());
    const u64 data_at = kept.start_paddr().value;
    __builtin_memcpy(&word_of(code.value().start_paddr().value), linear<u8>(probe_code_at), 32);
    expect("pages are mapped in it",
           map_user(*space, kProgramAt, mm::UFrame<Kernel>(code.take()), kRx) &&
               map_user(*space, kDataAt, kept.clone(), kRw));

    on_each([&] {
      go_to(*space);
      expect("a CPU goes over to a space", Kernel::root().value == user_root);
      const auto value = static_cast<u8>(0xa0 + Kernel::this_cpu());
      expect("a program stores", user_reaches(kDataAt + 64, Access::store, value) &&
                                     (word_of(data_at + 64) & 0xff) == value);
      expect("and loads", user_reaches(kDataAt + 64, Access::load, value));
      expect("a program's code is not written",
             user_faults(kProgramAt + 8, Access::store, kRights | kByStore));
      expect("and its data is not executed",
             user_faults(kDataAt, Access::fetch, kRights | kByFetch));
      expect("where nothing is, a program faults",
             user_faults(kDataAt + kPage, Access::load, kAbsent));
      expect("a program does not reach what is the kernel's",
             user_faults(Kernel::kMemoryBase + data_at, Access::load, kRights) &&
                 user_faults(Kernel::kSlotsBase, Access::load, kRights) &&
                 user_faults(address(text_begin), Access::load, kRights) &&
                 user_faults(address(data_begin), Access::store, kRights | kByStore) &&
                 user_faults(kLinearBase + kApicAt, Access::load, kRights));
      expect("and the kernel does, in a space, too",
             load(Kernel::kMemoryBase + data_at + 64) == word_of(data_at + 64) &&
                 load(kDataAt + 64) == word_of(data_at + 64));
      check_words(data_at);
    });

    check_unmap(*space, kept);

    // The last handle of a space is the last CPU's.
    const u64 free = free_pages();
    on(0, [&] { go_to(table_); });
    expect("who has it dropped is not the last", !drop(std::move(*space)) || processor_count == 1);
    space.reset();
    on_others([&] {
      expect("a space lives as long as some CPU translates by it",
             user_faults(kDataAt, Access::load, kAbsent) && Kernel::root().value == user_root);
      go_to(table_);
    });
    constexpr u64 kTables = 1 + 2 * 3;  // The root, and a way down to each of two pages, far apart.
    expect("with the last CPU it goes: its tables, and the program",
           free_pages() == free + kTables + 1);
    on_each([&] {
      expect("nobody knows a space that is gone",
             faults(kProgramAt, Access::load, kAbsent) && Kernel::root().value == root());
    });
  }

  // As programs agree with the kernel on one.
  void check_words(u64 data_at) noexcept {
    const auto word = static_cast<u32>(word_of(data_at + 128));
    const u32 next = word + 1;
    expect("a program's word is loaded", Kernel::load_user({kDataAt + 128}) == word);
    expect("and exchanged, if it is what is expected",
           Kernel::compare_exchange_user({kDataAt + 128}, next, 0) == word &&
               Kernel::compare_exchange_user({kDataAt + 128}, word, next) == word &&
               static_cast<u32>(word_of(data_at + 128)) == next);
    expect("and is not, where a program may not store, or nothing is",
           !Kernel::compare_exchange_user({kProgramAt}, 0, 0) &&
               !Kernel::load_user({kDataAt + kPage}) && !Kernel::load_user({u64{1} << 62}));
  }

  // By the first CPU; the others know the page until they are interrupted.
  void check_unmap(const Space& space, const mm::UFrame<Kernel>& data) noexcept {
    const auto before = interrupts();
    auto opened = mm::SpaceCursorMut<Kernel>::open(space, {kDataAt}, {kDataAt + kPage});
    if (!checks_.expect("a cursor is opened", opened.ok())) return;
    {
      auto cursor = opened.take();
      hold_interrupts_back();
      expect("a page is unmapped", cursor.unmap(kPage).pages == 1);
      on_others([&] { checks_.note_stale(user_reaches(kDataAt + 64, Access::store, 1)); });
      expect("its frame is kept meanwhile", data.reference_count() == 2);
      expect("the other CPUs are yet to flush", cursor.flusher().behind() == other_cpus());
      let_interrupts_in();
      (void)cursor.flusher().sync();
      expect("who has waited for them finds that they have", cursor.flusher().behind() == 0);
    }
    expect_interrupts_since(before);
    on_each([&] {
      expect("no CPU knows a page that was unmapped",
             user_faults(kDataAt + 64, Access::load, kAbsent));
    });
    for (int i = 0; i < 2; ++i) on_each([] { (void)mm::quiesce<Kernel>(Kernel::this_cpu()); });
    expect("when all have passed the frame is given up", data.reference_count() == 1);
  }

  // All CPUs, each with an area and a space of its own at a time. What one of them has found, it
  // keeps to itself until all are done.
  void check_at_once() noexcept {
    struct Shared {
      const KernelTable& table;
      std::atomic<u32> faults{0};
      std::atomic<u32> rounds{0};
    } shared{table_};
    run_everywhere(
        [](void* with) noexcept {
          // SAFETY: it is what they share.
          Shared& all = *static_cast<Shared*>(with);
          for (u32 round = 0; round < kRounds; ++round) {
            // ORDER: none needed: they are only numbers; who reads them has waited for all.
            if (!take_a_turn(all.table)) all.faults.fetch_add(1, std::memory_order_relaxed);
            all.rounds.fetch_add(1, std::memory_order_relaxed);
            (void)mm::quiesce<Kernel>(Kernel::this_cpu());
          }
        },
        &shared);
    expect("all CPUs at once have areas and spaces of their own",
           shared.faults.load(std::memory_order_relaxed) == 0 &&
               shared.rounds.load(std::memory_order_relaxed) == kRounds * processor_count);
  }
  static bool take_a_turn(const KernelTable& table) noexcept {
    auto frames = mm::FrameAllocOptions<Kernel>().alloc_segment(2);
    auto made = Space::create_user_page_table(table);
    auto code = mm::FrameAllocOptions<Kernel>().alloc_frame();
    auto data = mm::FrameAllocOptions<Kernel>().alloc_frame();
    if (!frames.ok() || !made.ok() || !code.ok() || !data.ok()) return false;
    auto segment = frames.take();
    Area area;
    if (Area::map_frames(area, table, 2, 0, segment, mm::kKernelData).stopped_by) return false;
    Space space = made.take();
    __builtin_memcpy(&word_of(code.value().start_paddr().value), linear<u8>(probe_code_at), 32);
    const u64 data_at = data.value().start_paddr().value;
    const auto value = static_cast<u8>(1 + Kernel::this_cpu());
    bool holds = map_user(space, kProgramAt, mm::UFrame<Kernel>(code.take()), kRx) &&
                 map_user(space, kDataAt, mm::UFrame<Kernel>(data.take()), kRw);
    go_to(space);
    holds = holds && user_reaches(kDataAt, Access::store, value) &&
            (word_of(data_at) & 0xff) == value && user_reaches(kDataAt, Access::load, value);
    const u64 begin = area.begin().value;
    holds = holds && is_reached(begin, Access::store, value) &&
            load(begin + kPage) == std::optional<u64>(0);
    (void)drop(std::move(area));
    // The addresses may be another's by now, whose pages are not this CPU's value's.
    const Awaited& trap = probe(begin, Access::load, /*is_user=*/false, /*ac=*/false, 0);
    holds = holds && (trap.vector == kPageFault || (trap.rax & 0xff) != value);
    {
      auto opened = mm::SpaceCursorMut<Kernel>::open(space, {kDataAt}, {kDataAt + kPage});
      if (!opened.ok()) return false;
      auto cursor = opened.take();
      holds = holds && cursor.unmap(kPage).pages == 1;
      (void)cursor.flusher().sync();
    }
    holds = holds && user_faults(kDataAt, Access::load, kAbsent);
    go_to(table);
    return drop(std::move(space)) && holds;
  }

  static constexpr u64 kPagesOfLarge = kLargePage / kPage;
  static constexpr u64 kProgramAt = 0x40'0000, kDataAt = 0x7fff'0000'3000;
  static constexpr u32 kRounds = 32;

  Checks& checks_;
  const KernelTable& table_;
};

}  // namespace

void check_kernel_use(Checks& checks, const KernelTable& table) noexcept {
  UseCheck(checks, table).run();
}

}  // namespace bare
