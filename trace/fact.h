// SPDX-License-Identifier: MPL-2.0
// What can be seen of a system between operations: its state, as a list of facts, each about one
// page, or one virtual page of a table. Each names its parts, from which JSON and text follow.
#pragma once

#include <variant>

#include "trace/metadata.h"
#include "trace/property.h"
#include "trace/virtual.h"

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

// A page that is a page-table node. Its slot is in use, as any other.
struct TableNode {
  static constexpr const char* kName = "table_node";

  std::uint64_t page = 0;
  std::uint64_t level = 1;
  std::uint64_t children = 0;  // The entries that are present, and its own (INV-25).
  std::uint64_t stray = 0;     // 1: taken out of its table.
  std::uint64_t locked = 0;    // 1: by some cursor.

  static constexpr void fields(auto&& each) {
    each("page", &TableNode::page);
    each("level", &TableNode::level);
    each("children", &TableNode::children);
    each("stray", &TableNode::stray);
    each("locked", &TableNode::locked);
  }
  auto operator<=>(const TableNode&) const = default;
};

// The root of an address space by which CPUs translate.
struct ActiveOn {
  static constexpr const char* kName = "active_on";

  std::uint64_t page = 0;
  std::uint64_t cpus = 0;  // Bit n: CPU n. Not 0.

  static constexpr void fields(auto&& each) {
    each("page", &ActiveOn::page);
    each("cpus", &ActiveOn::cpus);
  }
  auto operator<=>(const ActiveOn&) const = default;
};

// A number that people read as an address.
struct Address {
  std::uint64_t value = 0;
  auto operator<=>(const Address&) const = default;
};

// A page that a table maps, readable or not.
struct Mapped {
  static constexpr const char* kName = "mapped";

  std::uint64_t table = 0;  // See number_of().
  Address at{};             // The virtual address where it begins, as CPUs see it,
  std::uint64_t bytes = 0;  // its size,
  Address to{};             // and where it leads.
  Property property{};
  std::uint64_t tracked = 0;  // 1: the table owns a handle of the frame.

  static constexpr void fields(auto&& each) {
    each("table", &Mapped::table);
    each("at", &Mapped::at);
    each("bytes", &Mapped::bytes);
    each("to", &Mapped::to);
    each("property", &Mapped::property);
    each("tracked", &Mapped::tracked);
  }
  auto operator<=>(const Mapped&) const = default;
};

// Virtual addresses of a table, from `begin` to `last`, both included.
struct TableRange {
  std::uint64_t table = 0;
  std::uint64_t begin = 0;
  std::uint64_t last = ~std::uint64_t{0};
  auto operator<=>(const TableRange&) const = default;
};

// How facts name a list: by the lane and the register that hold it, not by its id, which depends on
// when others took theirs.
constexpr std::uint64_t in_list_of(std::uint8_t lane, List list) {
  return 1 + std::uint64_t{lane} * List::kCount + list.index;
}
inline constexpr std::uint64_t kUnknownList = 999;  // The id is no list's that there is.

using Fact =
    std::variant<PageInUse, PageFree, PageLinked, FreeBlock, TableNode, Mapped, ActiveOn>;

}  // namespace trace
