// SPDX-License-Identifier: MPL-2.0
// What a system answers. Plain and of fixed size: the same bytes here, in the guest, and in C.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace trace {

enum class Status : std::uint8_t {
  ok,
  passed_over,    // Not asked: what the lane holds does not permit it.
  declined,       // The system does not support the operation; nothing has changed.
  panicked,       // A documented panic; `code` says which. Nothing has changed.
  aborted,        // A broken invariant; `code` says which. The trace ends here.
  impermissible,  // Only ever expected, never seen: the system made a choice it did not have.
  not_aligned,
  out_of_bound,
  in_use,
  unique,
  busy,
  unused,
  shared,
  wrong_kind,
  no_memory,
  none,  // There is nothing there: a list or a segment has no more, an index is beyond the end.
  invalid_args,
  invalid_range,    // Empty, inverted, or not wholly the table's.
  invalid_address,  // Outside the cursor's range.
  already_mapped,
  page_fault,          // What a CPU found: its error code is a result.
  general_protection,  // Likewise: the address is not canonical.
  access_denied,       // The CPU does not translate by that space, or it is not all users' memory.
  no_space,            // No free run of the kernel's addresses is long enough.
};
inline constexpr std::array kStatusNames = {"ok",
                                            "passed_over",
                                            "declined",
                                            "panicked",
                                            "aborted",
                                            "impermissible",
                                            "not_aligned",
                                            "out_of_bound",
                                            "in_use",
                                            "unique",
                                            "busy",
                                            "unused",
                                            "shared",
                                            "wrong_kind",
                                            "no_memory",
                                            "none",
                                            "invalid_args",
                                            "invalid_range",
                                            "invalid_address",
                                            "already_mapped",
                                            "page_fault",
                                            "general_protection",
                                            "access_denied",
                                            "no_space"};
static_assert(kStatusNames.size() == static_cast<std::size_t>(Status::no_space) + 1);

// Which panic, or which broken invariant.
enum class Code : std::uint8_t {
  none,
  last_handle,     // Panic: the last dynamic handle of a page whose usage cannot be dropped, or a
                   // dynamic segment of such pages.
  count_overflow,  // Abort: a count at its maximum was asked to grow.
  broken,          // Abort: any other invariant. Never expected.
  empty_range,     // Panic: a segment was to be made of an empty or inverted range.
  bad_split,       // Panic: a segment was to be split at its ends, beyond, or inside a page.
  bad_slice,       // Panic: a slice has bounds that are not aligned, inverted or beyond the end.
  too_large,       // Panic: more pages were asked of the allocator than addresses can count.
  beyond_end,      // Panic: a reader or writer was to skip more than there is.
  misaligned,      // Panic: a single access was not aligned, or a filling does not come out even.
  no_early,        // Panic: the early allocator has not been started, or has retired.
  bad_length,      // Panic: a cursor was to look over a length that is no multiple of a page.
  beyond_range,    // Panic: a cursor was to go, or to map, beyond the end of its range.
  bad_level,       // Panic: a page was to be mapped that is larger than the table's largest.
  bad_target,      // Panic: an entry of that level cannot hold the physical address.
  bad_cache,       // Panic: an entry cannot say this cache policy.
  mapped_huge,     // Panic: at boot, a page was to be mapped where a larger one is.
  mapped_already,  // Panic: at boot, a page was to be mapped where one is.
  not_mapped,      // Panic: at boot, a page was to be changed where there is none.
};
inline constexpr std::array kCodeNames = {
    "none",      "last_handle", "count_overflow", "broken",     "empty_range",
    "bad_split", "bad_slice",   "too_large",      "beyond_end", "misaligned",
    "no_early",  "bad_length",  "beyond_range",   "bad_level",  "bad_target",
    "bad_cache", "mapped_huge", "mapped_already", "not_mapped"};
static_assert(kCodeNames.size() == static_cast<std::size_t>(Code::not_mapped) + 1);

struct Reply {
  Status status = Status::ok;
  Code code = Code::none;
  std::array<std::uint64_t, 9> results{};  // Named by the operation's kResults.

  bool operator==(const Reply&) const = default;
};

// A result's name, and how a person reads its number.
enum class As : std::uint8_t {
  number,
  flag,
  address,
  kind,
  usage,
  status,
  word,
  region,
  rights,
  privileged,
  cache,
  item,
};
struct Result {
  const char* name;
  As as;
};

// What an operation of the kinds in trace/metadata.h found when it ended metadata: the last five
// results of every operation that can. An on_drop that did not ask has found `passed_over`.
inline constexpr Result kOnDrops{"on_drops", As::number};     // How often an on_drop ran,
inline constexpr Result kDestroyed{"destroyed", As::number};  // and a destructor, in a slot.
inline constexpr Result kClaim{"claim", As::status};  // What from_unused gave to the on_drop,
inline constexpr Result kJoin{"join", As::status};    // and from_in_use.
inline constexpr Result kSum{"sum", As::number};  // Of the page's bytes, as the on_drop read them.

// Where a lane's cursor stands after an operation on it.
inline constexpr Result kNow{"now", As::address};

// What is read of metadata: the kind, and all its words. Of a word that the kind has not, and that
// is 0 as it should be, nothing is said to people.
inline constexpr std::array<Result, 6> kKindAndWords = {{{"kind", As::kind},
                                                         {"word0", As::word},
                                                         {"word1", As::word},
                                                         {"word2", As::word},
                                                         {"word3", As::word},
                                                         {"word4", As::word}}};

// Pages in the order in which something happened to them. What does not fit is only counted.
struct PageList {
  static constexpr std::uint16_t kMost = 128;  // As many as a machine has.
  std::uint16_t count = 0;
  std::array<std::uint16_t, kMost> page{};

  constexpr void push(std::uint64_t which) {
    if (count < kMost) page[count] = static_cast<std::uint16_t>(which);
    ++count;
  }
  constexpr std::uint16_t kept() const { return std::min(count, kMost); }
  constexpr bool operator==(const PageList& other) const {
    return count == other.count &&
           std::equal(page.begin(), page.begin() + kept(), other.page.begin());
  }
};

// What the allocator did during one operation.
struct Choices {
  PageList taken{};           // Handed out.
  PageList given{};           // Got back; a loose page is noted here too, and stays loose.
  std::uint16_t refused = 0;  // Asked for, and not had.

  bool operator==(const Choices&) const = default;
};

struct Answer {
  Reply reply{};
  Choices choices{};

  bool operator==(const Answer&) const = default;
};

}  // namespace trace
