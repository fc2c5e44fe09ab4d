// SPDX-License-Identifier: MPL-2.0
// mm as a system under test, on any platform. Freestanding: a guest's agent can use it too.
//
// Besides what mm asks of it, the platform Base has `power_on()`, `reset_machine(pages)`,
// `become(cpu)`, `guarded(body)`, which says which panic ended the body, `each_entry(...)`, which
// reads the raw bytes of a tree of tables, and what cpu.h, tlb.h, recorded.h and cold.h want.
#pragma once

#include "check/bind/alloc.h"
#include "check/bind/area.h"
#include "check/bind/boot.h"
#include "check/bind/boot_table.h"
#include "check/bind/bytes.h"
#include "check/bind/cpu.h"
#include "check/bind/cursor.h"
#include "check/bind/frame.h"
#include "check/bind/free_pages.h"
#include "check/bind/list.h"
#include "check/bind/segment.h"
#include "check/bind/table.h"
#include "check/bind/tlb.h"
#include "check/bind/unique.h"
#include "check/bind/user.h"
#include "trace/fact.h"

namespace check {

template <class Base>
class MmSystem {
 public:
  using P = Recorded<Base>;
  using Slot = mm::MetaSlot<P>;

  // From nothing: whatever was done to slots and pages is undone.
  void rebuild(const trace::Machine& shape) {
    P::power_on();
    for (mm::u64 page = 0; page < trace::Machine::kMostPages; ++page) restore_bytes(page);
    for (Registers<P>& lane : lanes_) lane.touched = PageMask::all();
    free_pages_.note_change();
    cold_.rebuild();
    is_sound_.store(true, std::memory_order_relaxed);
    reset(shape);
  }

  // To the machine's first state: restores only what was touched since. What a broken invariant
  // left behind is not trusted.
  void reset(const trace::Machine& shape) {
    if (!is_sound_.load(std::memory_order_relaxed)) return rebuild(shape);
    PageMask touched, written;
    for (Registers<P>& lane : lanes_) {
      lane.forget();
      lane.machine = &shared_;
      touched |= std::exchange(lane.touched, {});
      written |= std::exchange(lane.written, {});
    }
    // An allocator that was asked nothing stays as it is, with its slots.
    const bool keeps_allocator = shape == P::shape && free_pages_.is_first_state();
    if (!keeps_allocator) {
      for (mm::u64 page = P::shape.loose.value(); page < P::shape.pages.value(); ++page) {
        const Slot& slot = *Slot::of({page * mm::kPageSize});
        if (slot.ref_count() != Slot::kUnused || slot.in_list() != 0) touched.add(page);
      }
      ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
    }
    cold_.reset();
    P::reset_machine(shape.pages.value());
    P::forget_records();
    P::shape = shape;
    P::globals().pages = shape.pages.value();
    written.each(restore_bytes);
    touched.each([](mm::u64 page) { Slot::init(page, page + 1); });
    if (!keeps_allocator) free_pages_.populate(shape);
    P::globals().kernel_ranges.init({trace::kAreasBegin}, {trace::kAreasEnd});
    make_tables(shape.tables);
  }

  // What the allocator did for the machine's tables.
  const trace::Choices& begun() const { return begun_; }

  // From now on lanes go at once, until the system is reset.
  void go_at_once() { shared_.goes_at_once = true; }

  // Decides by itself, from what the lane holds, whether the operation can be asked. After an abort
  // everything is passed over, until the system is reset.
  trace::Answer apply(std::uint8_t lane, const auto& op)
    requires requires(Registers<P>& held) { ask(held, op); }
  {
    Registers<P>& held = lanes_[lane];
    trace::Answer answer{.reply = {.status = trace::Status::passed_over}, .choices = {}};
    P::become(lane);
    if (!is_sound_.load(std::memory_order_relaxed) || !can_ask(held, op)) return answer;

    P::ended() = {};
    const mm::Panic panic = P::guarded([&] { answer.reply = ask(held, op); });
    if (panic != mm::Panic::none) [[unlikely]]
      answer.reply = after(panic, held);
    if (trace::Choices& made = P::choices();
        (made.taken.count | made.given.count | made.refused) != 0) {
      answer.choices = made;
      held.note_taken(made.taken);
      P::clear(made);
      free_pages_.note_change();
    }
    return answer;
  }

  // The same of the cold machine, which lane 0 alone is asked about.
  trace::Answer apply(std::uint8_t lane, const auto& op)
    requires requires(ColdMachine<Base>& cold) { ask(cold, op); }
  {
    trace::Answer answer{.reply = {.status = trace::Status::passed_over}, .choices = {}};
    if (lane != 0 || !is_sound_.load(std::memory_order_relaxed) || !can_ask(cold_, op)) {
      return answer;
    }
    P::become(lane);
    Cold<Base>::become(0);
    const mm::Panic panic = P::guarded([&] { answer.reply = ask(cold_, op); });
    if (panic != mm::Panic::none) [[unlikely]]
      answer.reply = after(panic, lanes_[lane]);
    return answer;
  }

  void observe(std::uint64_t page, auto&& see) const {
    const Slot& slot = *Slot::of({page * mm::kPageSize});
    const bool is_free = free_pages_.has(page);
    if (is_free) see(trace::PageFree{page});
    if (is_free && free_pages_.is_head(slot)) return;
    trace::PageInUse fact{.page = page, .in_list = in_list_of(slot.in_list())};
    if (const mm::u64 count = slot.ref_count(); count == Slot::kUnused) {
      fact.use = trace::Use::unused;
    } else if (count == Slot::kBusy) {
      fact.use = trace::Use::busy;
    } else {
      fact.use = count == Slot::kUnique ? trace::Use::unique : trace::Use::shared;
      fact.count = count == Slot::kUnique ? 0 : count;
      see_metadata(slot, fact);
      see_links(slot, page, see);
      see_node(slot, page, see);
    }
    if (fact.use != trace::Use::unused || fact.in_list != 0) see(fact);
  }

  // What a table maps, by the raw bytes of its tree: the pages that overlap the range, upwards.
  void mapped(const trace::TableRange& range, auto&& see) const {
    const AnyTable<P>* const any = table_of(range.table);
    if (any == nullptr || !any->has()) return;
    any->with([&]<class C>(const mm::PageTable<C>& table) {
      constexpr mm::VirtRange kOwn = mm::range_of_table<C>();
      const mm::u64 begin = std::max(range.begin, kOwn.first.value);
      const mm::u64 last = std::min(range.last, kOwn.last.value);
      Base::each_entry(table.root_paddr(), C::Paging::kLevels, begin, last, [&](const auto& entry) {
        if (entry.is_leaf()) see(fact_of<C>(range.table, entry));
      });
    });
  }

  // Where a table's tree is, of how many levels, and which addresses are its own: see(root, levels,
  // begin, last), if there is such a table.
  void tree(std::uint64_t number, auto&& see) const {
    const AnyTable<P>* const any = table_of(number);
    if (any == nullptr || !any->has()) return;
    any->with([&]<class C>(const mm::PageTable<C>& table) {
      constexpr mm::VirtRange kOwn = mm::range_of_table<C>();
      see(table.root_paddr().value, C::Paging::kLevels, kOwn.first.value, kOwn.last.value);
    });
  }

  // How the allocator keeps its free pages.
  void free_blocks(auto&& see) const { free_pages_.blocks(see); }

  // One number for all that can be seen of a page, and more: every word of its slot that means
  // something. Any stray write changes it, but for accidents of one in 2^64. How the allocator
  // keeps a free page does not.
  std::uint64_t digest(std::uint64_t page) const {
    const Slot& slot = *Slot::of({page * mm::kPageSize});
    const bool is_free = free_pages_.has(page);
    const bool is_head = is_free && free_pages_.is_head(slot);
    const mm::u64 count = is_head ? Slot::kUnused : slot.ref_count();
    const mm::u64 in_list = is_head ? 0 : slot.in_list();
    // A sum of products, not a chain of them: all can be under way at once.
    std::uint64_t sum = fold(count ^ 0x9e3779b97f4a7c15, in_list ^ 0xd6e8feb86659fd93) +
                        (is_free ? 0xa0761d6478bd642f : 0);
    if (count != Slot::kUnused && count != Slot::kBusy) {  // Else the metadata is hidden.
      std::array<mm::u64, mm::kMetadataMaxSize / 8> words;
      __builtin_memcpy(words.data(), slot.storage(), sizeof words);
      const auto vtable = reinterpret_cast<mm::u64>(slot.vtable());
      sum += fold(vtable ^ 0xe7037ed1a0b428db, words[0] ^ 0x8ebc6af09c88c6e3) +
             fold(words[1] ^ 0x589965cc75374cc3, words[2] ^ 0x1d8e4e27c47d124f) +
             fold(words[3] ^ 0xeb44accab455d165, words[4] ^ 0x2d358dccaa6c78a5);
    }
    return sum * (2 * page + 0x8bb84b93962eacc9);  // An odd number for each page.
  }

 private:
  // To what they are at first. Shown then, until the page's slot is restored too.
  static void restore_bytes(mm::u64 page) {
    mm::u8* const bytes = mm::page_bytes<P>({page * mm::kPageSize});
    P::show(bytes, mm::kPageSize);
    __builtin_memset(bytes, static_cast<int>(page % 256), mm::kPageSize);
  }

  // Every bit of both words bears on every bit of the result, or nearly so.
  static std::uint64_t fold(mm::u64 left, mm::u64 right) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{left} * right;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  void make_tables(trace::TableCount tables) {
    shared_.goes_at_once = false;
    shared_.lanes = lanes_;
    begun_ = {};
    shared_.tables.forget();
    if (tables.count == 0) return;
    P::become(0);
    (void)P::guarded([&] { shared_.tables.make(tables); });
    begun_ = P::choices();
    lanes_[0].note_taken(begun_.taken);
    P::clear(P::choices());
    free_pages_.note_change();
  }

  // By its number in facts (trace::number_of); null: there is no such place.
  const AnyTable<P>* table_of(std::uint64_t number) const {
    if (number < trace::TableCount::kMost) {
      return &shared_.tables.at(static_cast<std::uint8_t>(number));
    }
    number -= trace::TableCount::kMost;
    if (number >= trace::Cpu::kMost * std::uint64_t{trace::OwnTable::kCount}) return nullptr;
    return &lanes_[number / trace::OwnTable::kCount].tables[number % trace::OwnTable::kCount];
  }

  // As the machine's own reading of the bytes has it (check/machine/entries.h), not mm's.
  template <class C>
  static trace::Mapped fact_of(std::uint64_t table, const auto& entry) {
    using trace::Rights, trace::Privileged, trace::CacheName;
    auto bit = [](bool is_set, std::uint8_t value) { return is_set ? unsigned{value} : 0u; };
    trace::Mapped fact{.table = table, .at = {entry.va}, .bytes = entry.last - entry.va + 1};
    fact.to.value = entry.pa();
    fact.property.rights.bits = static_cast<std::uint8_t>(
        bit(entry.is_readable(), Rights::kReadable) | bit(entry.is_writable(), Rights::kWritable) |
        bit(entry.is_executable(), Rights::kExecutable) |
        bit(entry.is_accessed(), Rights::kAccessed) | bit(entry.is_dirty(), Rights::kDirty) |
        bit(entry.has_avail2(), Rights::kAvail2));
    fact.property.privileged.bits = static_cast<std::uint8_t>(
        bit(entry.is_user(), Privileged::kUser) | bit(entry.is_global(), Privileged::kGlobal) |
        bit(entry.strange_bits() != 0, 0x80));  // Which none should have.
    constexpr std::array kByBits = {CacheName::write_back, CacheName::write_through,
                                    CacheName::write_combining, CacheName::uncacheable};  // A.6
    fact.property.cache.name = kByBits[static_cast<std::size_t>(entry.cache())];
    // AVAIL1 marks what is tracked in the kernel's tables, and what is not in a user's (A.7).
    constexpr bool kIsKernels = !C::kTopCanUnmap;
    fact.tracked = C::Items::kMayOwn && entry.has_avail1() == kIsKernels ? 1 : 0;
    return fact;
  }

  // If the slot is a node's.
  static void see_node(const Slot& slot, std::uint64_t page, auto&& see) {
    with_node<P>(slot.vtable(), slot.storage(), [&]<class C>(const mm::PageTablePageMeta<C>& node) {
      see(trace::TableNode{page, node.level(), node.nr_children(), node.is_stray() ? 1u : 0u,
                           node.is_locked() ? 1u : 0u});
      if constexpr (mm::kIsSpace<C>) {
        if (const mm::u64 cpus = node.cpus().peek()) see(trace::ActiveOn{page, cpus});
      }
    });
  }

  // If the slot names no kind, the usage is shown as what no page in use has.
  static void see_metadata(const Slot& slot, trace::PageInUse& fact) {
    const mm::FrameVTable* const vtable = slot.vtable();
    const bool is_node = with_node<P>(vtable, slot.storage(), [&](const auto& node) {
      fact.kind.name = trace::KindName::node;
      fact.usage = usage_of(vtable->usage);
      fact.words = {node.level()};
    });
    if (is_node) return;
    const std::optional<trace::KindName> name = kind_of<P>(vtable);
    if (!name) return;
    fact.kind.name = *name;
    fact.usage = usage_of(vtable->usage);
    with_kind<P>(*name, [&]<class M>(std::type_identity<M>) {
      // SAFETY: the storage holds an M (INV-7).
      fact.words = words_of(*std::launder(static_cast<const M*>(slot.storage())));
    });
  }

  // The neighbours of a page in a list, if it has any. Where a pointer leads is not looked at: it
  // may be wrong.
  static void see_links(const Slot& slot, std::uint64_t page, auto&& see) {
    const std::optional<trace::KindName> name = kind_of<P>(slot.vtable());
    if (!name) return;
    with_kind<P>(*name, [&]<class M>(std::type_identity<M>) {
      if constexpr (is_link(kNameOf<M>)) {
        // SAFETY: the storage holds an M (INV-7).
        const M& link = *std::launder(static_cast<const M*>(slot.storage()));
        if (link.next() == nullptr && link.prev() == nullptr) return;
        see(trace::PageLinked{page, page_of(link.next()), page_of(link.prev())});
      }
    });
  }

  static std::uint64_t page_of(const void* link) {
    if (link == nullptr) return trace::PageLinked::kNone;
    return (reinterpret_cast<mm::u64>(link) - P::kSlotsBase) / sizeof(Slot);
  }

  // Which of the lanes' lists has this id.
  std::uint64_t in_list_of(mm::u64 id) const {
    if (id == 0) return 0;
    std::uint64_t found = trace::kUnknownList;
    for (std::uint8_t lane = 0; lane < lanes_.size(); ++lane) {
      lanes_[lane].lists.each([&](const auto& at, trace::List list) {
        if (at.list.id() == id) found = trace::in_list_of(lane, list);
      });
    }
    return found;
  }

  // What a panic leaves behind, and how it is told.
  trace::Reply after(mm::Panic panic, Registers<P>& held) {
    if (!shared_.goes_at_once) P::let_interrupt(0);  // It waits for nobody now.
    held.settle();
    if (mm::is_documented(panic)) return {trace::Status::panicked, code_of(panic)};
    is_sound_.store(false, std::memory_order_relaxed);
    return {trace::Status::aborted, code_of(panic)};
  }

  static constexpr trace::Code code_of(mm::Panic panic) {
    switch (panic) {
      case mm::Panic::none: return trace::Code::none;
      case mm::Panic::last_handle: return trace::Code::last_handle;
      case mm::Panic::empty_range: return trace::Code::empty_range;
      case mm::Panic::bad_split: return trace::Code::bad_split;
      case mm::Panic::bad_slice: return trace::Code::bad_slice;
      case mm::Panic::too_large: return trace::Code::too_large;
      case mm::Panic::beyond_end: return trace::Code::beyond_end;
      case mm::Panic::misaligned: return trace::Code::misaligned;
      case mm::Panic::no_early: return trace::Code::no_early;
      case mm::Panic::mapped_huge: return trace::Code::mapped_huge;
      case mm::Panic::mapped_already: return trace::Code::mapped_already;
      case mm::Panic::not_mapped: return trace::Code::not_mapped;
      case mm::Panic::bad_address: return trace::Code::bad_target;
      case mm::Panic::bad_cache: return trace::Code::bad_cache;
      case mm::Panic::bad_property: return trace::Code::broken;  // No trace can ask for that.
      case mm::Panic::bad_level: return trace::Code::bad_level;
      case mm::Panic::bad_alignment: return trace::Code::misaligned;
      case mm::Panic::bad_length: return trace::Code::bad_length;
      case mm::Panic::beyond_barrier: return trace::Code::beyond_range;
      case mm::Panic::count_overflow: return trace::Code::count_overflow;
      case mm::Panic::broken: return trace::Code::broken;
    }
    return trace::Code::broken;
  }

  std::array<Registers<P>, trace::Cpu::kMost> lanes_;
  Shared<P> shared_;
  trace::Choices begun_;
  FreePages<P> free_pages_;
  ColdMachine<Base> cold_;
  std::atomic<bool> is_sound_ = false;  // Built, and not aborted since.
};

}  // namespace check
