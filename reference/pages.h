// SPDX-License-Identifier: MPL-2.0
// A set of pages.
#pragma once

#include <bit>
#include <cstdint>
#include <iterator>

#include "trace/machine.h"

namespace reference {

using Page = std::uint64_t;  // The number of a page, from the start of memory.

static_assert(trace::Machine::kMostPages <= 64, "One bit a page.");

class PageSet {
 public:
  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = Page;
    Iterator() = default;
    explicit Iterator(std::uint64_t left) : left_(left) {}
    Page operator*() const { return static_cast<Page>(std::countr_zero(left_)); }
    Iterator& operator++() { return left_ &= left_ - 1, *this; }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    std::uint64_t left_ = 0;
  };

  bool contains(Page page) const { return page < 64 && (bits_ >> page & 1) != 0; }
  bool empty() const { return bits_ == 0; }
  std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
  void insert(Page page) { bits_ |= std::uint64_t{1} << page; }
  void erase(Page page) { bits_ &= ~(std::uint64_t{1} << page); }

  Iterator begin() const { return Iterator(bits_); }  // Ascending.
  Iterator end() const { return Iterator(); }

  bool operator==(const PageSet&) const = default;

 private:
  std::uint64_t bits_ = 0;
};
static_assert(std::forward_iterator<PageSet::Iterator>);

}  // namespace reference
