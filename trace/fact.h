// SPDX-License-Identifier: MPL-2.0
// What can be seen of a system between operations: its state, as a list of facts, each about one
// page. Each names its parts, from which JSON and text follow.
#pragma once

#include <variant>

#include "trace/metadata.h"

namespace trace {

enum class Use : std::uint8_t { unused, busy, shared, unique };
inline constexpr std::array kUseNames = {"unused", "busy", "shared", "unique"};

// A page in use. A page that is unused as it should be (INV-2) is not mentioned.
struct PageInUse {
  static constexpr const char* kName = "page_in_use";

  std::uint64_t page = 0;
  Use use = Use::busy;
  std::uint64_t count = 0;    // Of handles and raw counts, if shared.
  std::uint64_t in_list = 0;  // The list it is in, see in_list_of(); 0: none.
  Kind kind{};                // These three only if shared or unique.
  Usage usage = Usage::unused;
  Words words{};

  static constexpr void fields(auto&& each) {
    each("page", &PageInUse::page);
    each("use", &PageInUse::use);
    each("count", &PageInUse::count);
    each("in_list", &PageInUse::in_list);
    each("kind", &PageInUse::kind);
    each("usage", &PageInUse::usage);
    each("words", &PageInUse::words);
  }
  auto operator<=>(const PageInUse&) const = default;
};

// A page that the allocator may hand out.
struct PageFree {
  static constexpr const char* kName = "page_free";

  std::uint64_t page = 0;

  static constexpr void fields(auto&& each) { each("page", &PageFree::page); }
  auto operator<=>(const PageFree&) const = default;
};

// A page in a list that has a neighbour there.
struct PageLinked {
  static constexpr const char* kName = "page_linked";
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  std::uint64_t page = 0;
  std::uint64_t next = kNone;
  std::uint64_t prev = kNone;

  static constexpr void fields(auto&& each) {
    each("page", &PageLinked::page);
    each("next", &PageLinked::next);
    each("prev", &PageLinked::prev);
  }
  auto operator<=>(const PageLinked&) const = default;
};

// Free pages that the allocator keeps together, and where: what it can hand out depends on that.
struct FreeBlock {
  static constexpr const char* kName = "free_block";

  std::uint64_t page = 0;   // The first.
  std::uint64_t pages = 1;  // How many.
  std::uint64_t where = 0;  // See kGlobalPool.

  static constexpr void fields(auto&& each) {
    each("page", &FreeBlock::page);
    each("pages", &FreeBlock::pages);
    each("where", &FreeBlock::where);
  }
  auto operator<=>(const FreeBlock&) const = default;
};

// Where a free block is: in the pool of all CPUs; in the pool of CPU n, 1 + n; in its cache, 9 + n.
inline constexpr std::uint64_t kGlobalPool = 0, kFirstPool = 1, kFirstCache = 9;

// How facts name a list: by the lane and the register that hold it, not by its id, which depends on
// when others took theirs.
constexpr std::uint64_t in_list_of(std::uint8_t lane, List list) {
  return 1 + std::uint64_t{lane} * List::kCount + list.index;
}
inline constexpr std::uint64_t kUnknownList = 999;  // The id is no list's that there is.

using Fact = std::variant<PageInUse, PageFree, PageLinked, FreeBlock>;

}  // namespace trace
