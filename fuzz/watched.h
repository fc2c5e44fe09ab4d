// SPDX-License-Identifier: MPL-2.0
// The model, with its states as coverage: which operation ended how, on what kind of page, and what
// the machine as a whole looks like. Two traces that go the same way through mm's code, but leave
// it in different states, are then different to the fuzzer.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include "reference/model.h"
#include "reference/trees.h"

namespace fuzz {

// One byte for each state that is to be remembered, by its hash. The fuzzer reads them after each
// input, and clears them before the next.
inline constexpr std::size_t kStates = 1 << 14;
extern std::array<std::uint8_t, kStates> seen_states;

// Operations that were put to all models, and those among them that were passed over.
struct Operations {
  std::uint64_t total = 0, passed_over = 0;
};
inline Operations put_to_models;

// A reference::Model that notes where it has been.
class Watched : public reference::Model {
 public:
  explicit Watched(const trace::Machine& machine) : Model(machine) {
    for (reference::Page page = 0; page < machine.pages.raw; ++page) enter(page);
  }

  trace::Answer step(reference::Lane lane, const trace::Op& op, const trace::Answer& seen) {
    const trace::Answer answer = Model::step(lane, op, seen);
    ended_ = op.index() * 64 + static_cast<std::size_t>(answer.reply.status);
    lane_ = lane;
    ++put_to_models.total;
    if (answer.reply.status == trace::Status::passed_over) ++put_to_models.passed_over;
    note(ended_, 0);
    if (const reference::Cursor* const at = cursor(lane); at != nullptr)
      note(~stand_of(*at), ended_);
    return answer;
  }

  reference::PageSet touched() {
    const reference::PageSet pages = Model::touched();
    for (const reference::Page page : pages) {
      leave(page);
      const std::size_t left = looks_[page];
      enter(page);
      note(ended_, 1 + left * kLooks + looks_[page]);
    }
    if (!pages.empty()) {
      note(~pages_in_use(), 0);
      note(~registers_held(), 1);
    }
    return pages;
  }

 private:
  // What there is to tell of a page: its use; whether it has no handles, one, two or three, or
  // more, and whether that is near the limit; whether it is in a list; whether it is free; and
  // whether it is a table that is empty, has some entries or all, and is in its own.
  static constexpr std::size_t kLooks = 1024, kUses = 4;
  static_assert(trace::kUseNames.size() <= kUses);

  std::uint16_t look_of(reference::Page page) const {
    unsigned look = 0;
    observe(page, [&](const trace::Fact& fact) {
      if (const auto* const used = std::get_if<trace::PageInUse>(&fact)) {
        const auto width = static_cast<unsigned>(std::bit_width(used->count));
        look |= static_cast<unsigned>(used->use) | std::min(width, 3u) << 2;
        look |= (used->in_list != 0 ? 16u : 0u) | (width >= 62 ? 32u : 0u);
      } else if (std::holds_alternative<trace::PageFree>(fact)) {
        look |= 64;
      } else if (const auto* const node = std::get_if<trace::TableNode>(&fact)) {
        look |= (node->children == 0 ? 1u : node->children < reference::kEntries ? 2u : 3u) << 7;
        look |= node->stray != 0 ? 512u : 0u;
      }
    });
    return static_cast<std::uint16_t>(look);
  }

  // Of a cursor: in which table it stands and how far in its range, and what entry it is at.
  std::size_t stand_of(const reference::Cursor& cursor) const {
    std::size_t hash = static_cast<std::size_t>(cursor.kind) * 8 + cursor.level;
    hash = hash * 8 + cursor.guard;
    hash = hash * 4 + (cursor.at == cursor.begin ? 0u : 1u) + (cursor.at == cursor.end ? 2u : 0u);
    if (cursor.at == cursor.end) return hash * 4;
    const auto entry = reference::entry_at(state().trees.at(cursor.root), cursor.level, cursor.at);
    return hash * 4 + (entry.table != nullptr ? 1u : entry.leaf != nullptr ? 2u : 0u);
  }

  void leave(reference::Page page) { --pages_of_use_[looks_[page] % kUses]; }
  void enter(reference::Page page) {
    looks_[page] = look_of(page);
    ++pages_of_use_[looks_[page] % kUses];
  }

  // None, one, two or many: of pages of each use, and of registers that hold something.
  std::size_t pages_in_use() const {
    std::size_t hash = 0;
    for (const std::uint8_t number : pages_of_use_) hash = hash * 4 + some(number);
    return hash;
  }
  std::size_t registers_held() const {
    auto occupied = [&](const auto& registers) {
      return some(static_cast<std::size_t>(
          std::ranges::count_if(registers, [](const auto& one) { return one.has_value(); })));
    };
    const reference::Held& held = state().held[lane_];
    return occupied(held.frames) * 16 + occupied(held.uniques) * 4 + occupied(held.raws);
  }
  static std::size_t some(std::size_t number) { return std::min<std::size_t>(number, 3); }

  static void note(std::size_t what, std::size_t more) {
    const std::size_t hash = (what * 0x9e3779b97f4a7c15 + more + 1) * 0xd6e8feb86659fd93;
    seen_states[hash >> (64 - std::bit_width(kStates - 1))] = 1;
  }

  std::array<std::uint16_t, trace::Machine::kMostPages> looks_{};
  std::array<std::uint8_t, kUses> pages_of_use_{};
  std::size_t ended_ = 0;  // The operation asked last, and how it ended.
  reference::Lane lane_ = 0;
};

}  // namespace fuzz
