// SPDX-License-Identifier: MPL-2.0
// How a page is mapped: rights, privileged marks, cache policy (A.5). Names only: where an entry
// keeps them is each side's own knowledge.
#pragma once

#include "trace/scalar.h"

namespace trace {

// What clients may choose; in any combination.
struct Rights {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kReadable = 1, kWritable = 2, kExecutable = 4, kAccessed = 8,
                                kDirty = 16, kAvail2 = 32, kAll = 63;
  std::uint8_t bits = 0;
  constexpr bool has(std::uint8_t some) const { return (bits & some) == some; }
  constexpr void parts(auto&& each) { each(bits); }
  constexpr void settle() { bits &= kAll; }
  auto operator<=>(const Rights&) const = default;
};
inline constexpr std::array kRightNames = {"readable", "writable", "executable",
                                           "accessed", "dirty",    "avail2"};

// What only the memory manager may, likewise. AVAIL1 is no part of any property (A.7).
struct Privileged {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kUser = 1, kGlobal = 2, kAll = 3;
  std::uint8_t bits = 0;
  constexpr bool has(std::uint8_t some) const { return (bits & some) == some; }
  constexpr void parts(auto&& each) { each(bits); }
  constexpr void settle() { bits &= kAll; }
  auto operator<=>(const Privileged&) const = default;
};
inline constexpr std::array kPrivilegedNames = {"user", "global"};

enum class CacheName : std::uint8_t {
  write_back,
  write_through,
  write_combining,
  uncacheable,
  write_protected,  // No entry can say that: to ask for it is a panic.
};
inline constexpr std::array kCacheNames = {"write_back", "write_through", "write_combining",
                                           "uncacheable", "write_protected"};

struct Cache {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kCount = kCacheNames.size();
  CacheName name = CacheName::write_back;
  constexpr void parts(auto&& each) { each(name); }
  constexpr void settle() { name = static_cast<CacheName>(static_cast<unsigned>(name) % kCount); }
  auto operator<=>(const Cache&) const = default;
};

struct Property {
  static constexpr std::size_t kBytes = Rights::kBytes + Privileged::kBytes + Cache::kBytes;
  Rights rights{};
  Privileged privileged{};
  Cache cache{};
  constexpr void parts(auto&& each) {
    rights.parts(each), privileged.parts(each), cache.parts(each);
  }
  constexpr void settle() { rights.settle(), privileged.settle(), cache.settle(); }
  auto operator<=>(const Property&) const = default;
};

// What `protect` does to a property: takes rights away, then gives rights, then sets the cache
// policy if it is to. It cannot touch what is privileged.
struct Change {
  static constexpr std::size_t kBytes = 3;
  static constexpr std::uint8_t kKeep = 0;  // Else 1 + CacheName.
  Rights take{};
  Rights give{};
  std::uint8_t cache = kKeep;
  constexpr void parts(auto&& each) { each(take.bits), each(give.bits), each(cache); }
  constexpr void settle() {
    take.settle(), give.settle();
    cache = static_cast<std::uint8_t>(cache % (Cache::kCount + 1));
  }
  auto operator<=>(const Change&) const = default;
};

}  // namespace trace
