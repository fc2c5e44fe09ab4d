// SPDX-License-Identifier: MPL-2.0
// What mm asks of the machine it runs on: a type with static members only. Every class of mm takes
// it as its parameter P. Below, each demand with its promise.
#pragma once

#include <atomic>
#include <concepts>
#include <optional>

#include "impl/addr/address.h"
#include "impl/base/panic.h"

namespace mm {

template <class P>
struct Globals;  // impl/globals.h: all mutable state of mm.

template <class A, class T>
concept AtomicWord = requires(A a, const A& reader, T v, T& seen, std::memory_order order) {
  { reader.load(order) } noexcept -> std::same_as<T>;
  { a.store(v, order) } noexcept;
  { a.exchange(v, order) } noexcept -> std::same_as<T>;
  { a.fetch_add(v, order) } noexcept -> std::same_as<T>;
  { a.fetch_sub(v, order) } noexcept -> std::same_as<T>;
  { a.fetch_or(v, order) } noexcept -> std::same_as<T>;
  { a.fetch_and(v, order) } noexcept -> std::same_as<T>;
  { a.compare_exchange_strong(seen, v, order, order) } noexcept -> std::same_as<bool>;
  { a.compare_exchange_weak(seen, v, order, order) } noexcept -> std::same_as<bool>;
};

// Every atomic word of mm: no order is implied but the one given. A weak compare-exchange may fail
// though it need not; a strong one never does.
template <class P>
concept HasWords =
    AtomicWord<typename P::template Atomic<u8>, u8> &&
    AtomicWord<typename P::template Atomic<u32>, u32> &&
    AtomicWord<typename P::template Atomic<u64>, u64> &&
    requires(typename P::template Atomic<u64>& word, typename P::template Cell<u64>& cell, u64 v) {
      // What the word holds. After it, everything released to `word` before that is visible.
      { P::acquire(word) } noexcept -> std::same_as<u64>;
      // Plain memory that lanes share under an agreement of their own; costs nothing.
      { cell.get() } noexcept -> std::same_as<u64>;
      { cell.set(v) } noexcept;
    };

template <class P>
concept HasMemory =
    requires(PhysAddr at, u64 v, u64& seen, const void* from, usize n, std::memory_order order) {
      // Where physical address 0, and the slot of page 0, are mapped: constants. All bytes of all
      // pages, and all slots, lie there one after another; see page_bytes().
      requires std::same_as<decltype(P::kMemoryBase), const u64>;
      requires std::same_as<decltype(P::kSlotsBase), const u64>;
      // What is hidden is nobody's: nobody may touch it until it is shown again, and what it held
      // is lost. Both are called in order with the releases and acquires that hand the bytes on.
      // Nothing in production.
      { P::hide(from, n) } noexcept;
      { P::show(from, n) } noexcept;
      // The frame allocator: bytes is a multiple of the page size; none if there is no such block.
      { P::alloc(n, n) } noexcept -> std::same_as<std::optional<PhysAddr>>;
      { P::dealloc(at, n) } noexcept;
      // The page-table entry at `at`: other CPUs, and the page walker, read and write it too. What a
      // failed compare-exchange saw is in `seen`.
      { P::load_pte(at, order) } noexcept -> std::same_as<u64>;
      { P::store_pte(at, v, order) } noexcept;
      { P::exchange_pte(at, v, order) } noexcept -> std::same_as<u64>;
      { P::compare_exchange_pte(at, seen, v, order) } noexcept -> std::same_as<bool>;
      // The same as a relaxed load, for whoever has the lock of the entry's table: all that can
      // change meanwhile is what the page walker marks as accessed or dirty.
      { P::peek_pte(at) } noexcept -> std::same_as<u64>;
    };

template <class P>
concept HasCpu = requires(u64 saved, PhysAddr root, VirtAddr at, void* bytes, usize n, u32 word) {
  // More CPUs there can never be: a constant. What each has of its own is set apart from the start.
  requires std::same_as<decltype(P::kMostCpus), const u32>;
  { P::this_cpu() } noexcept -> std::same_as<u32>;
  { P::cpu_count() } noexcept -> std::same_as<u32>;
  // Until restored, this CPU takes no interrupt. Nests by what was saved.
  { P::disable_interrupts() } noexcept -> std::same_as<u64>;
  { P::restore_interrupts(saved) } noexcept;
  // Until enabled as often, the running task stays on this CPU, in one read section.
  { P::disable_preemption() } noexcept;
  { P::enable_preemption() } noexcept;
  // The table this CPU translates by.
  { P::root() } noexcept -> std::same_as<PhysAddr>;
  { P::set_root(root) } noexcept;
  // This CPU forgets translations: of a page; of all but the global ones; of all.
  { P::flush_page(at) } noexcept;
  { P::flush_all() } noexcept;
  { P::flush_all_and_global() } noexcept;
  // Copies through the present table. The number of bytes copied: fewer than n after a fault.
  { P::copy_from_user(bytes, at, n) } noexcept -> std::same_as<usize>;
  { P::copy_to_user(at, bytes, n) } noexcept -> std::same_as<usize>;
  // Aligned words, likewise, each in a single access: what was there, or nothing after a fault. The
  // word that is expected is exchanged; whatever is there, that is a store. In order with all others.
  { P::load_user(at) } noexcept -> std::same_as<std::optional<u32>>;
  { P::compare_exchange_user(at, word, word) } noexcept -> std::same_as<std::optional<u32>>;
  // Tells the core that it is in a spin loop: it cannot go on until another CPU has moved.
  { P::spin_hint() } noexcept;
  // Tells the core that a compare-exchange will be tried again. It may succeed at once.
  { P::relax() } noexcept;
};

template <class P>
concept HasOthers = requires(u32 cpu, u64 cpus, void (*run)(void*) noexcept, void* with) {
  // Has `run(with)` run on every CPU of the set, as an interrupt, at its next chance; need not wait
  // for it. Asked for again before that, it may run only once. What the caller did before is
  // visible to it. All callers ask for the same.
  { P::run_on(cpus, run, with) } noexcept;
  // How often this CPU has been seen outside every read section.
  { P::quiescent_count(cpu) } noexcept -> std::same_as<u64>;
};

template <class P>
concept Platform = HasWords<P> && HasMemory<P> && HasCpu<P> && HasOthers<P> &&
                   requires(Panic code, const char* why) {
                     // All mutable state of mm. There is no other.
                     { P::globals() } noexcept -> std::same_as<Globals<P>&>;
                     // Does not return, and does not unwind (impl/base/panic.h).
                     { P::panic(code, why) } noexcept;
                   };

// The kPageSize bytes of a page. Requires that the caller owns them, or knows who does.
template <class P>
u8* page_bytes(PhysAddr at) noexcept {
  // SAFETY: P maps all memory at kMemoryBase.
  return reinterpret_cast<u8*>(P::kMemoryBase + at.value);
}

}  // namespace mm
