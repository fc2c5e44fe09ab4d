// SPDX-License-Identifier: MPL-2.0
// Operands by their noun, whatever operation they belong to: to find, rename and enumerate them.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <vector>

#include "trace/trace.h"

namespace check {

// Every noun that an operand may be.
template <class... Listed>
struct NounList {
  using Values = std::tuple<std::vector<Listed>...>;
  using Pointer = std::variant<Listed*...>;
  static constexpr void each(auto&& use) { (use(std::type_identity<Listed>{}), ...); }
};
using Nouns =
    NounList<trace::Frame, trace::Unique, trace::Raw, trace::Segment, trace::RawSegment,
             trace::Block, trace::List, trace::PhysPlace, trace::ColdPlace, trace::Kind,
             trace::RegionType, trace::Count, trace::Order, trace::Flag, trace::Extent,
             trace::OwnTable, trace::Table, trace::TableKind, trace::VirtPlace, trace::Target,
             trace::Length, trace::Level, trace::Property, trace::Change, trace::Access,
             trace::Area>;

// A register that can stand for any other with its letter. A list cannot: each takes frames of a
// kind of its own.
template <class Noun>
concept IsRegister = requires { Noun::kLetter; } && !std::same_as<Noun, trace::List>;

// The operands of an operation, in the order of its fields. Found in one place, so that what is
// done with them need not be compiled once for each operation.
class Operands {
 public:
  explicit Operands(trace::Op& op);
  const Nouns::Pointer* begin() const { return all_.data(); }
  const Nouns::Pointer* end() const { return all_.data() + count_; }

 private:
  std::array<Nouns::Pointer, 6> all_{};
  std::size_t count_ = 0;
};

// Calls `use(operand)` for each operand of an operation.
void each_operand(trace::Op& op, auto&& use) {
  for (const Nouns::Pointer& operand : Operands(op)) {
    std::visit([&](auto* noun) { use(*noun); }, operand);
  }
}
void each_operand(const trace::Op& op, auto&& use) {
  trace::Op copy = op;
  each_operand(copy, [&](const auto& operand) { use(operand); });
}

// Calls `use(letter, index)` for each register that an operation names, `op` being const or not.
void each_register(auto& op, auto&& use) {
  each_operand(op, [&]<class Noun>(Noun& operand) {
    if constexpr (IsRegister<std::remove_const_t<Noun>>) use(Noun::kLetter, operand.index);
    if constexpr (std::same_as<std::remove_const_t<Noun>, trace::Table>) {
      if (!operand.is_shared()) use(trace::OwnTable::kLetter, operand.index);
    }
  });
}

// Calls `use(operand)` for each operand that is such a noun.
template <class Wanted>
void each_of(auto& op, auto&& use) {
  each_operand(op, [&]<class Noun>(Noun& operand) {
    if constexpr (std::same_as<std::remove_const_t<Noun>, Wanted>) use(operand);
  });
}

void each_place(auto& op, auto&& use) { each_of<trace::PhysPlace>(op, use); }

// What the operations of a family are named after: "frame", "segment".
constexpr std::string_view family_of(std::string_view name) {
  return name.substr(0, name.find('_'));
}

// A register of a lane.
struct Named {
  std::uint8_t lane = 0;
  char letter = 0;
  std::uint8_t index = 0;
  auto operator<=>(const Named&) const = default;
};

// The values that operands may be given: those that occur, and the simplest.
class Pool {
 public:
  Pool() {
    Nouns::each([&]<class Noun>(std::type_identity<Noun>) { add(Noun{}); });
  }

  template <class Noun>
  const std::vector<Noun>& of(const Noun&) const {
    return std::get<std::vector<Noun>>(values_);
  }

  template <class Noun>
  void add(const Noun& operand) {
    auto& values = std::get<std::vector<Noun>>(values_);
    if (std::ranges::find(values, operand) == values.end()) values.push_back(operand);
  }

  // Calls `use(op)` for each operation of this place in the list with operands from here.
  void each_op(std::size_t index, auto&& use) const {
    trace::Op op = trace::blank_op(index);
    const Operands operands(op);
    std::size_t total = 1;
    for (const Nouns::Pointer& operand : operands) {
      std::visit([&](const auto* noun) { total *= of(*noun).size(); }, operand);
    }
    for (std::size_t number = 0; number < total; ++number) {
      std::size_t rest = number;
      for (const Nouns::Pointer& operand : operands) {
        std::visit(
            [&](auto* noun) {
              const auto& values = of(*noun);
              *noun = values[rest % values.size()];
              rest /= values.size();
            },
            operand);
      }
      use(op);
    }
  }

 private:
  Nouns::Values values_{};
};

}  // namespace check
