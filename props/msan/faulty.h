// SPDX-License-Identifier: MPL-2.0
// What must be seen: a machine on which mm goes wrong, in the one way that is chosen.
#pragma once

#include "impl/hosted/platform.h"

namespace msan {

enum class Fault : std::uint8_t {
  none,
  // A vtable is read before it is first written: BUG-17, in slots that are left as they should be.
  reads_before_writing,
  // Slots that mean nothing are filled with zeros: BUG-17 itself. Nothing is uninitialised then,
  // and whoever reads a vtable finds none.
  fills_with_zeros,
  // A page does not come back with the bytes that it was promised to hold.
  loses_bytes,
  // A handle more is two more: nothing is uninitialised, but the state is not what it was.
  counts_twice,
  // The last handle is taken for one of two: the same of an answer.
  misses_the_last,
};
inline constexpr std::array kFaultNames = {
    "none",        "reads_before_writing", "fills_with_zeros",
    "loses_bytes", "counts_twice",         "misses_the_last"};

// The simulated machine with one of them: all in one platform, so that mm is compiled once.
struct Faulty : mm::Hosted {
  static inline Fault fault{};

  template <class T>
  struct Cell {
    T get() const noexcept { return value; }
    void set(T next) noexcept {
      if (fault == Fault::reads_before_writing && value == next) return;
      value = next;
    }
    T value;
  };

  template <class T>
  struct Atomic : mm::Hosted::Atomic<T> {
    using mm::Hosted::Atomic<T>::Atomic;
    T fetch_add(T by, std::memory_order order) noexcept {
      const T times = fault == Fault::counts_twice ? 2 : 1;
      return mm::Hosted::Atomic<T>::fetch_add(static_cast<T>(times * by), order);
    }
    T fetch_sub(T by, std::memory_order order) noexcept {
      const T before = mm::Hosted::Atomic<T>::fetch_sub(by, order);
      return fault == Fault::misses_the_last && before == 1 ? T{2} : before;
    }
  };

  static void hide(const void* from, mm::usize bytes) noexcept {
    Hosted::hide(from, bytes);
    if (fault == Fault::fills_with_zeros && !check::machine::is_in_page(from)) {
      // SAFETY: what is hidden was written by mm, and is nobody's now.
      __builtin_memset(const_cast<void*>(from), 0, bytes);
    }
  }
  static void show(const void* from, mm::usize bytes) noexcept {
    if (fault != Fault::loses_bytes) Hosted::show(from, bytes);
  }
};

}  // namespace msan
