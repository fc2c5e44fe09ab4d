// SPDX-License-Identifier: MPL-2.0
// Operands by their noun, whatever operation they belong to: to find, rename and enumerate them.
#pragma once

#include <algorithm>
#include <vector>

#include "trace/trace.h"

namespace check {

template <class Noun>
concept IsRegister = requires { Noun::kLetter; };

// Calls `use(operand)` for each operand of an operation, `op` being const or not.
void each_operand(auto& op, auto&& use) {
  std::visit(
      [&]<class T>(T& one) {
        std::remove_const_t<T>::fields([&](const char*, auto member) { use(one.*member); });
      },
      op);
}

// Calls `use(letter, index)` for each register that an operation names.
void each_register(auto& op, auto&& use) {
  each_operand(op, [&]<class Noun>(Noun& operand) {
    if constexpr (IsRegister<std::remove_const_t<Noun>>) use(Noun::kLetter, operand.index);
  });
}

void each_place(auto& op, auto&& use) {
  each_operand(op, [&]<class Noun>(Noun& operand) {
    if constexpr (std::same_as<std::remove_const_t<Noun>, trace::PhysPlace>) use(operand);
  });
}

// A register of a lane.
struct Named {
  std::uint8_t lane = 0;
  char letter = 0;
  std::uint8_t index = 0;
  auto operator<=>(const Named&) const = default;
};

// The values that operands may be given: those that occur, and the simplest.
struct Pool {
  std::vector<trace::Frame> frames{{}};
  std::vector<trace::Unique> uniques{{}};
  std::vector<trace::Raw> raws{{}};
  std::vector<trace::PhysPlace> places{{}};
  std::vector<trace::Kind> kinds{{}};
  std::vector<trace::Count> counts{{}};

  auto& of(trace::Frame) { return frames; }
  auto& of(trace::Unique) { return uniques; }
  auto& of(trace::Raw) { return raws; }
  auto& of(trace::PhysPlace) { return places; }
  auto& of(trace::Kind) { return kinds; }
  auto& of(trace::Count) { return counts; }

  const auto& of(trace::Frame) const { return frames; }
  const auto& of(trace::Unique) const { return uniques; }
  const auto& of(trace::Raw) const { return raws; }
  const auto& of(trace::PhysPlace) const { return places; }
  const auto& of(trace::Kind) const { return kinds; }
  const auto& of(trace::Count) const { return counts; }

  void add(const auto& operand) {
    auto& values = of(operand);
    if (std::ranges::find(values, operand) == values.end()) values.push_back(operand);
  }

  // Calls `use(op)` for each operation of type T with operands from here.
  template <class T>
  void each_op(auto&& use) const {
    std::size_t total = 1;
    T::fields([&](const char*, auto member) { total *= of(T{}.*member).size(); });
    for (std::size_t number = 0; number < total; ++number) {
      T op{};
      std::size_t rest = number;
      T::fields([&](const char*, auto member) {
        const auto& values = of(op.*member);
        op.*member = values[rest % values.size()];
        rest /= values.size();
      });
      use(trace::Op(op));
    }
  }
};

}  // namespace check
