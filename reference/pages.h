// SPDX-License-Identifier: MPL-2.0
// A set of pages.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <iterator>

#include "trace/machine.h"

namespace reference {

using Page = std::uint64_t;  // The number of a page, from the start of memory.

// One bit a page.
class PageSet {
  static constexpr std::size_t kWords = 2;
  static_assert(trace::Machine::kMostPages <= 64 * kWords);
  using Words = std::array<std::uint64_t, kWords>;

 public:
  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = Page;
    Iterator() = default;
    explicit Iterator(const Words& left) : left_(left) {}
    Page operator*() const {
      const auto low = static_cast<Page>(std::countr_zero(left_[0]));
      return left_[0] != 0 ? low : 64 + static_cast<Page>(std::countr_zero(left_[1]));
    }
    Iterator& operator++() {
      std::uint64_t& word = left_[0] != 0 ? left_[0] : left_[1];
      word &= word - 1;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    Words left_{};
  };

  bool contains(Page page) const {
    return page < 64 * kWords && (words_[page / 64] >> page % 64 & 1) != 0;
  }
  bool empty() const { return *this == PageSet{}; }
  std::size_t size() const {
    return static_cast<std::size_t>(std::popcount(words_[0]) + std::popcount(words_[1]));
  }
  void insert(Page page) { words_[page / 64] |= std::uint64_t{1} << page % 64; }
  void erase(Page page) { words_[page / 64] &= ~(std::uint64_t{1} << page % 64); }

  Iterator begin() const { return Iterator(words_); }  // Ascending.
  Iterator end() const { return Iterator(); }

  bool operator==(const PageSet&) const = default;

 private:
  Words words_{};
};
static_assert(std::forward_iterator<PageSet::Iterator>);

}  // namespace reference
