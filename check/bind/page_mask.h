// SPDX-License-Identifier: MPL-2.0
// A set of pages of a machine.
#pragma once

#include <array>
#include <bit>

#include "trace/machine.h"

namespace check {

class PageMask {
 public:
  static constexpr PageMask all() {
    PageMask mask;
    mask.words_.fill(~std::uint64_t{0});
    return mask;
  }

  constexpr bool has(std::uint64_t page) const {
    return (words_[page / kBits] >> page % kBits & 1) != 0;
  }
  constexpr void add(std::uint64_t page) {
    words_[page / kBits] |= std::uint64_t{1} << page % kBits;
  }
  constexpr void add(std::uint64_t first, std::uint64_t end) {
    for (; first < end; ++first) add(first);
  }
  constexpr PageMask& operator|=(const PageMask& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }

  // Calls `use` with each page, ascending.
  constexpr void each(auto&& use) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t left = words_[i]; left != 0; left &= left - 1) {
        use(i * kBits + static_cast<std::uint64_t>(std::countr_zero(left)));
      }
    }
  }

  bool operator==(const PageMask&) const = default;

 private:
  static constexpr std::uint64_t kBits = 64;
  std::array<std::uint64_t, (trace::Machine::kMostPages + kBits - 1) / kBits> words_{};
};

}  // namespace check
