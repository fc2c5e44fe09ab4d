// SPDX-License-Identifier: MPL-2.0
// The language, mm, and the binding, on a platform with nothing underneath. Compiled without a
// runtime, and linked with nothing but runtime.cpp; a test looks at what it asks for.
#include "check/bind/system.h"
#include "impl/platform/plain_words.h"
#include "impl/vm/fork.h"
#include "impl/vm/io_mem.h"
#include "impl/vm/kernel_area.h"
#include "impl/vm/kernel_space.h"
#include "impl/vm/layout.h"
#include "impl/vm/user.h"
#include "trace/binary.h"

namespace {

using mm::u32, mm::u64, mm::usize, mm::PhysAddr, mm::VirtAddr, mm::Panic;

struct UserAccess {
  std::array<PhysAddr, 3> pages{};
  u64 walked = 0;
  u32 error_code = 0;
};

struct Bare : mm::PlainWords, mm::MappedEntries<0xffff'8000'0000'0000> {
  static constexpr u64 kMemoryBase = 0xffff'8000'0000'0000;
  static constexpr u64 kSlotsBase = 0xffff'e000'0000'0000;
  static constexpr u64 kColdMemoryBase = 0xffff'8010'0000'0000;
  static constexpr u64 kColdSlotsBase = 0xffff'e010'0000'0000;
  static void hide(const void*, usize) noexcept {}
  static void show(const void*, usize) noexcept {}
  static constexpr u32 kMostCpus = 1;
  static u32 this_cpu() noexcept { return 0; }
  static u32 cpu_count() noexcept { return 1; }
  static u64 disable_interrupts() noexcept { return 0; }
  static void restore_interrupts(u64) noexcept {}
  static void disable_preemption() noexcept {}
  static void enable_preemption() noexcept {}
  static PhysAddr root() noexcept { return {}; }
  static void set_root(PhysAddr) noexcept {}
  static void flush_page(VirtAddr) noexcept {}
  static void flush_all() noexcept {}
  static void flush_all_and_global() noexcept {}
  static usize copy_from_user(void*, VirtAddr, usize) noexcept { return 0; }
  static usize copy_to_user(VirtAddr, const void*, usize) noexcept { return 0; }
  static std::optional<u32> load_user(VirtAddr) noexcept { return std::nullopt; }
  static std::optional<u32> compare_exchange_user(VirtAddr, u32, u32) noexcept {
    return std::nullopt;
  }
  static UserAccess& user_access() noexcept { return user_access_; }
  static void spin_hint() noexcept {}
  static void relax() noexcept {}
  static void run_on(u64, void (*run)(void*) noexcept, void* with) noexcept { run(with); }
  static u64 quiescent_count(u32) noexcept { return 0; }

  [[noreturn, gnu::noinline]] static void panic(Panic code, const char*) noexcept {
    landed_ = code;
    __builtin_longjmp(landing_, 1);
  }
  [[gnu::noinline]] static Panic guarded(auto&& body) noexcept {
    if (__builtin_setjmp(landing_) != 0) return landed_;
    body();
    return Panic::none;
  }
  static void become(u32) noexcept {}
  static void power_on() noexcept {}
  static void reset_machine(u64) noexcept {}
  // What a CPU does by itself: here, nothing.
  struct Touched {
    bool is_ok = false, is_page_fault = true, has_walked = true;
    u32 error_code = 0;
    PhysAddr at{};
  };
  static Touched touch(VirtAddr, mm::u8, bool, bool) noexcept { return {}; }
  static void set_control(bool, bool, bool, bool) noexcept {}
  static void each_entry(PhysAddr, u32, u64, u64, auto&&) noexcept {}
  // Nor does it take interrupts, or know any way to memory.
  static bool take_interrupt() noexcept { return false; }
  static void let_interrupt(u64) noexcept {}
  static void watch(u64) noexcept {}
  static bool could_reach(PhysAddr, usize) noexcept { return false; }

 private:
  static inline void* landing_[5];
  static inline Panic landed_ = Panic::none;
  static inline UserAccess user_access_{};
};

static_assert(mm::Platform<check::Recorded<Bare>>);

using System = check::MmSystem<Bare>;
using Recorded = check::Recorded<Bare>;
using Kernel = mm::KernelConfig<Recorded>;
using User = mm::UserConfig<Recorded>;

alignas(System) unsigned char memory[sizeof(System)];  // Never destroyed: no exit function.
System* the_system = nullptr;

}  // namespace

extern "C" void start_agent();
extern "C" void answer_record(const trace::Record& record, trace::Answer& answer);
extern "C" std::uint64_t show_page(std::uint64_t page, trace::Fact* facts);

extern "C" void start_agent() {
  the_system = ::new (memory) System();
  the_system->reset(trace::Machine{});
}

// What an agent does with one record.
extern "C" void answer_record(const trace::Record& record, trace::Answer& answer) {
  const trace::Call call = trace::decode_call(record);
  std::visit([&](const auto& op) { answer = the_system->apply(call.lane.index, op); }, call.op);
}

// What a kernel does with page tables.
extern "C" u64 use_tables(u64 begin, u64 end);
extern "C" u64 use_tables(u64 begin, u64 end) {
  auto kernel = mm::PageTable<Kernel>::new_kernel_page_table();
  if (!kernel.ok()) return 0;
  auto user = mm::PageTable<User>::create_user_page_table(kernel.value());
  if (!user.ok()) return 0;
  auto opened = mm::CursorMut<User>::open(user.value(), {begin}, {end});
  if (!opened.ok()) return 0;
  auto cursor = opened.take();
  auto segment = mm::FrameAllocOptions<Recorded>().alloc_segment(4);
  if (segment.ok()) (void)cursor.map_segment(segment.value(), mm::kKernelData);
  (void)cursor.map_range({begin}, end - begin, mm::kKernelData);
  (void)cursor.protect_next(end - begin, [](mm::PageFlags&, mm::CachePolicy&) noexcept {});
  (void)cursor.protect(end - begin, [](mm::PageFlags&, mm::CachePolicy&) noexcept {});
  (void)cursor.take_next(end - begin);
  mm::quiesce<Recorded>(0);
  user.value().activate();
  return cursor.unmap(end - begin).pages + cursor.query().ok() + cursor.find_next(0).has_value();
}

// And with address spaces.
extern "C" u64 use_spaces(u64 begin, u64 end);
extern "C" u64 use_spaces(u64 begin, u64 end) {
  auto kernel = mm::PageTable<Kernel>::new_kernel_page_table();
  if (!kernel.ok()) return 0;
  auto space = mm::VmSpace<Recorded>::create_user_page_table(kernel.value());
  if (!space.ok()) return 0;
  space.value().activate();
  auto opened = mm::SpaceCursorMut<Recorded>::open(space.value(), {begin}, {end});
  if (!opened.ok()) return 0;
  auto cursor = opened.take();
  (void)cursor.map_range({begin}, end - begin, mm::kKernelData);
  (void)cursor.unmap(end - begin);
  const auto io = mm::IoMem::of<Recorded>({begin, end});
  mm::IoMems devices;
  if (io) (void)mm::map_iomem(cursor, devices, *io, mm::kKernelData, end - begin, 0);
  cursor.flusher().issue_pages({begin}, devices.find_by_paddr({begin}).has_value());
  return cursor.flusher().dispatch().cpus + cursor.flusher().sync();
}

// With a user's memory, and with copies of spaces.
extern "C" u64 use_users_memory(u64 at, u64 length, mm::u8* bytes);
extern "C" u64 use_users_memory(u64 at, u64 length, mm::u8* bytes) {
  auto kernel = mm::PageTable<Kernel>::new_kernel_page_table();
  if (!kernel.ok()) return 0;
  auto space = mm::VmSpace<Recorded>::create_user_page_table(kernel.value());
  if (!space.ok()) return 0;
  auto forked = mm::fork(space.value());
  if (!forked.ok()) return 0;
  auto reader = mm::UserReader<Recorded>::open(forked.value().space, {at}, length);
  auto writer = mm::UserWriter<Recorded>::open(space.value(), {at}, length);
  if (!reader.ok() || !writer.ok()) return 0;
  mm::VmWriter<Recorded> into(std::span(bytes, length));
  mm::VmReader<Recorded> from(std::span(bytes, length));
  return reader.value().read(into).ok() + writer.value().write(from).ok() +
         writer.value().write(reader.value()).ok() + writer.value().fill_zeros(length).ok() +
         reader.value().read_val<u64>().ok() + writer.value().write_val(at).ok() +
         reader.value().atomic_load().ok() + writer.value().atomic_compare_exchange(0, 1).ok();
}

// And with what it boots by, until its own table is there.
extern "C" u64 use_boot_table(u64 at, u64 end);
extern "C" u64 use_boot_table(u64 at, u64 end) {
  auto& boot = Recorded::globals().boot_page_table;
  mm::MemoryRegions regions;
  (void)regions.add({{at, end}, mm::RegionType::usable});
  const auto map_early = [&](VirtAddr va, PhysAddr pa, mm::PageProperty property) noexcept {
    (void)boot.map_base_page(va, pa, property);
  };
  auto slots = mm::init_metadata<Recorded>(regions, {}, map_early);
  if (!slots) return 0;
  (void)boot.protect_base_page({at}, [](mm::PageFlags&, mm::CachePolicy&) noexcept {});
  const mm::KernelMap map{{Bare::kMemoryBase}, {Bare::kSlotsBase}, {end}, {at, end}};
  auto kernel = mm::init_kernel_page_table<Kernel>(map, std::move(*slots));
  if (!kernel.ok()) return 0;
  auto dismissed = mm::activate_kernel_page_table(kernel.value());
  return dismissed.ok() +
         mm::BootPageTable<Recorded>::page_walk(Recorded::root(), {at}).has_value();
}

// With areas of its own.
extern "C" u64 use_areas(u64 at, u64 pages);
extern "C" u64 use_areas(u64 at, u64 pages) {
  using Area = mm::KernelArea<Kernel>;
  constexpr mm::Region kAreas = mm::kLayout.areas;
  auto kernel = mm::PageTable<Kernel>::new_kernel_page_table();
  if (!kernel.ok()) return 0;
  Recorded::globals().kernel_ranges.init({kAreas.begin}, {kAreas.end});
  auto segment = mm::FrameAllocOptions<Recorded>().alloc_segment(pages);
  if (!segment.ok()) return 0;
  Area frames, range;
  (void)Area::map_frames(frames, kernel.value(), pages, 0, segment.value(), mm::kKernelData);
  (void)Area::map_range(range, kernel.value(), pages, 0, {at}, pages, mm::kKernelData);
  auto upper = range.split(1);
  return frames.query(0).has_value() + upper.ok() + drop(std::move(frames)).cpus;
}

// The digest of a page; what can be seen of it goes to `facts`, at most three.
extern "C" std::uint64_t show_page(std::uint64_t page, trace::Fact* facts) {
  the_system->observe(page, [&](const trace::Fact& fact) { *facts++ = fact; });
  return the_system->digest(page);
}
