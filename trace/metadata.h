// SPDX-License-Identifier: MPL-2.0
// The kinds of metadata that tests give to pages. What each does is promised here, for both sides.
//
// A kind holds as many 64-bit words as `words_of` says; made with a value v, word i holds v + i
// (modulo 2^64). When the metadata of a page ends, its on_drop runs first and its destructor then.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "trace/scalar.h"

namespace trace {

enum class KindName : std::uint8_t {
  empty,         // No words; untyped: the page's bytes may be read by users.
  value8,        // One word.
  value24,       // Three words.
  full40,        // Five words: all the room there is.
  reentrant,     // One word; its on_drop asks from_unused, then from_in_use, of its own page.
  reader,        // One word; its on_drop sums the page's bytes.
  kernel,        // One word, as have all that follow. Usage kernel.
  reserved,      // Usage reserved.
  unusable,      // Usage reserved.
  meta,          // Usage meta.
  early,         // Usage frame: what was handed out before the allocator existed.
  kernel_stack,  // Usage kernel_stack.
  link,          // Usage frame, as have the next. What frames in a list have: its payload does
                 // nothing when it ends.
  link_reader,   // The same; its payload is as reader.
  link_empty,    // The same; its payload is untyped.
  node,          // What a page-table node has: usage page_table, and its level as the one word that
                 // is shown. No operation can ask for it.
};

inline constexpr std::array kKindNames = {"empty",     "value8",      "value24",    "full40",
                                          "reentrant", "reader",      "kernel",     "reserved",
                                          "unusable",  "meta",        "early",      "kernel_stack",
                                          "link",      "link_reader", "link_empty", "node"};

static_assert(kKindNames.size() == static_cast<std::size_t>(KindName::node) + 1);

inline constexpr std::size_t kMostWords = 5;
using Words = std::array<std::uint64_t, kMostWords>;  // Those beyond a kind's own are 0.

constexpr std::size_t words_of(KindName name) {
  switch (name) {
    case KindName::empty: return 0;
    case KindName::value24: return 3;
    case KindName::full40: return 5;
    default: return 1;
  }
}

struct Kind {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kCount = kKindNames.size() - 1;  // That can be asked for.
  KindName name = KindName::empty;
  constexpr void parts(auto&& each) { each(name); }
  constexpr void settle() { name = static_cast<KindName>(static_cast<unsigned>(name) % kCount); }
  auto operator<=>(const Kind&) const = default;
};

// Of the frames that a list takes.
constexpr Kind list_kind(List list) {
  constexpr std::array kKinds = {KindName::link, KindName::link_reader, KindName::link_empty};
  return {kKinds[list.index]};
}

// Of the kinds whose pages' bytes users may read and write.
constexpr bool is_untyped(Kind kind) {
  return kind.name == KindName::empty || kind.name == KindName::link_empty;
}

// What the loader says of a region of memory (B.11). Where regions overlap, the lowest wins.
enum class RegionName : std::uint8_t {
  bad,
  unknown,
  non_volatile_sleep,
  reserved,
  kernel,
  module,
  framebuffer,
  reclaimable,
  usable,
};
inline constexpr std::array kRegionNames = {"bad",         "unknown",     "non_volatile_sleep",
                                            "reserved",    "kernel",      "module",
                                            "framebuffer", "reclaimable", "usable"};

struct RegionType {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kCount = kRegionNames.size();
  RegionName name = RegionName::bad;
  constexpr void parts(auto&& each) { each(name); }
  constexpr void settle() { name = static_cast<RegionName>(static_cast<unsigned>(name) % kCount); }
  auto operator<=>(const RegionType&) const = default;
};

// What a page is used for (D.0, B.12). Every kind of metadata declares one.
enum class Usage : std::uint8_t {
  unused,
  reserved,
  frame,
  page_table,
  meta,
  kernel,
  kernel_stack,
  mmio
};
inline constexpr std::array kUsageNames = {"unused", "reserved", "frame",        "page_table",
                                           "meta",   "kernel",   "kernel_stack", "mmio"};

}  // namespace trace
