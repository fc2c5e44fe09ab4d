// SPDX-License-Identifier: MPL-2.0
// What one trace likes. Every trace is drawn a taste of its own (swarm testing): it never asks some
// operations, asks others far more often than the rest, keeps to few families, few pages and few
// kinds. A trace that does everything alike does nothing for long enough.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "check/operands.h"
#include "props/gen/dice.h"
#include "trace/trace.h"

namespace props {

// Operations, by their place in the list of trace/op.h.
class OpSet {
 public:
  constexpr bool has(std::size_t index) const {
    return (words_[index / 64] >> index % 64 & 1) != 0;
  }
  constexpr bool has_all(OpSet other) const { return (other & *this) == other; }
  constexpr void insert(std::size_t index) { words_[index / 64] |= std::uint64_t{1} << index % 64; }

  friend constexpr OpSet operator|(OpSet a, OpSet b) {
    for (std::size_t i = 0; i < kWords; ++i) a.words_[i] |= b.words_[i];
    return a;
  }
  friend constexpr OpSet operator&(OpSet a, OpSet b) {
    for (std::size_t i = 0; i < kWords; ++i) a.words_[i] &= b.words_[i];
    return a;
  }
  friend constexpr OpSet operator-(OpSet a, OpSet b) {
    for (std::size_t i = 0; i < kWords; ++i) a.words_[i] &= ~b.words_[i];
    return a;
  }
  bool operator==(const OpSet&) const = default;

 private:
  static constexpr std::size_t kWords = (trace::kOpCount + 63) / 64;
  std::array<std::uint64_t, kWords> words_{};
};

template <class... Ops>
constexpr OpSet set_of() {
  OpSet set;
  (set.insert(trace::kIndexOf<Ops>), ...);
  return set;
}

// All operations of a family, by the word that their names begin with.
constexpr OpSet family(std::string_view name) {
  OpSet set;
  trace::for_each_op([&]<class One>(std::type_identity<One>, std::size_t index) {
    if (check::family_of(One::kName) == name) set.insert(index);
  });
  return set;
}

inline constexpr OpSet kFrames = family("frame"), kUniques = family("unique"),
                       kSegments = family("segment"), kLists = family("list"),
                       kAlloc = family("alloc"), kBytes = family("bytes"), kBoot = family("boot");
// Page tables, the cursors over them, the CPUs that translate by them and what these are told to
// forget, and grace periods.
inline constexpr OpSet kCursors = family("cursor"), kCpus = family("cpu"), kTlb = family("tlb"),
                       kTables = family("table") | kCursors | kCpus | kTlb | family("quiesce");
// What is built upon them: users' memory with copies of it, and areas of the kernel's.
inline constexpr OpSet kUsers = family("user") | family("space"), kAreas = family("area");
inline constexpr OpSet kEveryOp =
    kFrames | kUniques | kSegments | kLists | kAlloc | kBytes | kBoot | kTables | kUsers | kAreas;

// What lanes ask only while they go alone: what comes of it depends on several phases.
inline constexpr OpSet kAskedAlone =
    kSegments | kLists | kBytes | kBoot | kTables | kUsers | kAreas |
    set_of<trace::AllocSegment, trace::AllocBlock, trace::AllocGiveBlock, trace::AllocAddBlock,
           trace::AllocSplitBlock>();

// How machines are mostly shaped.
enum class Shape : std::uint8_t {
  small,    // So that operations meet.
  loose,    // With many loose pages, for what is made of ranges of them,
  free,     // or with many of the allocator's.
  tables,   // With page tables, and pages for more of them.
  spaces,   // Likewise, with an address space, and CPUs that share it;
  touched,  // and of which little else is asked than to touch what changes (make_touched.cpp).
};

// What traces are about, and what they may ask besides.
struct Subject {
  OpSet often = kEveryOp;
  OpSet also{};
  Shape shape = Shape::small;
  std::size_t most_ops = 1000;  // Beyond, traces show no more.

  constexpr OpSet all() const { return often | also; }
};

struct Taste {
  std::array<std::uint32_t, trace::kOpCount> weights{};
  std::uint32_t sum = 0;  // Of the weights.
  void weigh(std::size_t op, std::uint32_t weight) {
    sum += weight - weights[op];
    weights[op] = weight;
  }
  // Nothing but these, and all alike.
  void weigh_only(OpSet ops) {
    for (std::size_t i = 0; i < trace::kOpCount; ++i) weigh(i, ops.has(i) ? 1 : 0);
  }

  std::array<trace::Kind, 4> kinds{};  // One is drawn; so some are more likely.
  std::uint16_t pages = 1;             // Loose pages it names, from the first;
  bool names_loose_only = false;       // not even of those in use any other.
  bool nears_limit = false;            // Counts are brought near their maximum.
  std::uint8_t stays = 1;              // It changes the lane once in so many operations.
  bool likes_spaces = false;           // Of tables, address spaces are named mostly.
  bool makes_spaces = true;            // They may be made.
  bool likes_areas = false;            // CPUs touch where areas are, or were.
  OpSet scenes{};  // Scenes (scene.h) of these operations are played now and then.
  // Virtual places near which tables of each kind map, by trace::TableKindName.
  std::array<std::array<std::uint8_t, 3>, trace::kTableKindNames.size()> homes{};
};

// The shape of a machine.
trace::Machine any_machine(Dice& dice, Shape shape = Shape::small);

// Any kind of metadata.
trace::Kind any_kind(Dice& dice);

Taste any_taste(Dice& dice, const trace::Machine& machine, const Subject& subject = {});

}  // namespace props
