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
  std::uint64_t in_list = 0;  // The id of the list it is in; 0: none.
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

using Fact = std::variant<PageInUse, PageFree>;

}  // namespace trace
