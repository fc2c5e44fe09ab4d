// SPDX-License-Identifier: MPL-2.0
// The nouns that operations speak of. Plain data; nothing here knows how mm works.
//
// Each noun states its width in a record (`kBytes`), shows its parts, and can `settle`: bring
// itself into range where that range is the same on every machine. A settled value settles to
// itself, so it is written to bytes as it is. What depends on the machine is left alone, and read
// through trace/machine.h when the operation is run.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace trace {

// A CPU, which is also a lane: a sequence of operations with registers of its own.
struct Cpu {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kMost = 4;
  std::uint8_t index = 0;
  constexpr void parts(auto&& each) { each(index); }
  constexpr void settle() { index = static_cast<std::uint8_t>(index % kMost); }
  auto operator<=>(const Cpu&) const = default;
};

// A place of a lane that holds a handle. Operations name handles by register, never by age, so
// that dropping an operation from a trace renames nothing that follows it.
//
// An operand called `to` must be an empty register, and the operation fills it if it succeeds; all
// other registers of an operation must be occupied.
template <class What, std::uint8_t Count>
struct Register {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kCount = Count;
  static constexpr char kLetter = What::kLetter;  // "f3" is frame register 3.
  std::uint8_t index = 0;
  constexpr void parts(auto&& each) { each(index); }
  constexpr void settle() { index = static_cast<std::uint8_t>(index % Count); }
  auto operator<=>(const Register&) const = default;
};
struct FrameTag {
  static constexpr char kLetter = 'f';
};
struct UniqueTag {
  static constexpr char kLetter = 'u';
};
struct RawTag {
  static constexpr char kLetter = 'r';
};
struct SegmentTag {
  static constexpr char kLetter = 's';
};
struct RawSegmentTag {
  static constexpr char kLetter = 'w';
};
struct BlockTag {
  static constexpr char kLetter = 'b';
};
struct ListTag {
  static constexpr char kLetter = 'l';
};
using Frame = Register<FrameTag, 8>;  // A shared handle, and what it knows of the metadata's type.
using Unique = Register<UniqueTag, 4>;  // A unique handle, likewise.
using Raw = Register<RawTag, 4>;  // A count without a handle, and of what kind the handle was.
using Segment = Register<SegmentTag, 4>;        // A run of shared frames, and what it knows.
using RawSegment = Register<RawSegmentTag, 2>;  // The counts of a segment without it.
using Block = Register<BlockTag, 4>;            // Pages of the allocator that are no frames.
using List = Register<ListTag, 3>;  // A list of unique frames. It is always there, if only empty;
                                    // of which kind its frames are: list_kind(), trace/metadata.h.

// A number of things, or simply a number. Its uppermost values stand for huge ones.
struct Count {
  static constexpr std::size_t kBytes = 2;
  static constexpr std::uint16_t kFirstHuge = 0xfffc;
  static constexpr std::array<std::uint64_t, 4> kHuge = {std::uint64_t{1} << 52,
                                                         (std::uint64_t{1} << 63) - 3,
                                                         std::uint64_t{1} << 63, ~std::uint64_t{0}};
  std::uint16_t raw = 0;
  constexpr std::uint64_t value() const { return raw < kFirstHuge ? raw : kHuge[raw - kFirstHuge]; }
  constexpr void parts(auto&& each) { each(raw); }
  constexpr void settle() {}
  auto operator<=>(const Count&) const = default;
};

// A power of two, or how it is aligned.
struct Order {
  static constexpr std::size_t kBytes = 1;
  static constexpr std::uint8_t kMost = 7;
  std::uint8_t value = 0;
  constexpr void parts(auto&& each) { each(value); }
  constexpr void settle() { value = static_cast<std::uint8_t>(value % (kMost + 1)); }
  auto operator<=>(const Order&) const = default;
};

struct Flag {
  static constexpr std::size_t kBytes = 1;
  std::uint8_t on = 0;
  constexpr bool value() const { return on != 0; }
  constexpr void parts(auto&& each) { each(on); }
  constexpr void settle() { on &= 1; }
  auto operator<=>(const Flag&) const = default;
};

// A byte in a page, nearly always the first: 0, or one of the uppermost values, which stand for the
// others.
struct PageOffset {
  static constexpr std::array<std::uint16_t, 6> kBytesIn = {0, 1, 8, 63, 2048, 4095};
  static constexpr std::uint8_t kFirstOther = 0xfb;
  static constexpr std::uint8_t settled(std::uint8_t raw) { return raw < kFirstOther ? 0 : raw; }
  static constexpr std::uint64_t byte(std::uint8_t raw) {
    return kBytesIn[raw < kFirstOther ? 0u : raw - kFirstOther + 1u];
  }
};

// A length or an offset in bytes: so many pages, or one of a few huge ones, and a byte.
struct Extent {
  static constexpr std::size_t kBytes = 3;
  static constexpr std::uint16_t kFirstHuge = 0xfffc;
  static constexpr std::array<std::uint64_t, 4> kHuge = {
      (std::uint64_t{1} << 63) - 4096, std::uint64_t{1} << 63, ~std::uint64_t{8191},
      ~std::uint64_t{4095}};
  std::uint16_t pages = 0;
  std::uint8_t offset = 0;  // See PageOffset.
  constexpr std::uint64_t value() const {
    const std::uint64_t whole =
        pages < kFirstHuge ? pages * std::uint64_t{4096} : kHuge[pages - kFirstHuge];
    return whole + PageOffset::byte(offset);
  }
  constexpr void parts(auto&& each) { each(pages), each(offset); }
  constexpr void settle() { offset = PageOffset::settled(offset); }
  auto operator<=>(const Extent&) const = default;
};

// A physical address: a page of the machine, or one outside it (kFirstOutside and above, named in
// trace/machine.h), and a byte in that page.
struct PhysPlace {
  static constexpr std::size_t kBytes = 3;
  static constexpr std::uint16_t kFirstOutside = 0xff00;
  static constexpr std::uint16_t kOutside = 12;
  std::uint16_t page = 0;
  std::uint8_t offset = 0;  // See PageOffset.
  constexpr bool is_outside() const { return page >= kFirstOutside; }
  constexpr void parts(auto&& each) { each(page), each(offset); }
  constexpr void settle() {
    if (is_outside()) {
      page = static_cast<std::uint16_t>(kFirstOutside + (page - kFirstOutside) % kOutside);
    }
    offset = PageOffset::settled(offset);
  }
  auto operator<=>(const PhysPlace&) const = default;
};

// The same on the machine that is still cold: see kColdMachine.
struct ColdPlace {
  static constexpr std::size_t kBytes = PhysPlace::kBytes;
  PhysPlace at{};
  constexpr void parts(auto&& each) { at.parts(each); }
  constexpr void settle() { at.settle(); }
  auto operator<=>(const ColdPlace&) const = default;
};

}  // namespace trace
