// SPDX-License-Identifier: MPL-2.0
// Every operation that lanes ask at once, with operands from a few that matter: what to ask where
// little is in use, so that all pairs of operations can be tried.
#pragma once

#include <vector>

#include "props/gen/taste.h"

namespace props {
namespace detail {

// The operands tried: of each noun a few.
constexpr auto tried(trace::Frame) { return std::array<trace::Frame, 2>{{{0}, {7}}}; }
constexpr auto tried(trace::Unique) { return std::array<trace::Unique, 2>{{{0}, {3}}}; }
constexpr auto tried(trace::Raw) { return std::array<trace::Raw, 2>{{{0}, {3}}}; }
constexpr auto tried(trace::PhysPlace) { return std::array<trace::PhysPlace, 2>{{{0}, {2}}}; }
constexpr auto tried(trace::Kind) {
  return std::array<trace::Kind, 2>{{{trace::KindName::value8}, {trace::KindName::empty}}};
}
constexpr auto tried(trace::Count) { return std::array<trace::Count, 1>{{{5}}}; }
constexpr auto tried(trace::Flag) { return std::array<trace::Flag, 1>{}; }

}  // namespace detail

// Of one kind of operation, all combinations.
template <class T>
std::vector<trace::Op> candidates_of() {
  std::vector<trace::Op> all;
  for (std::size_t which = 0;; ++which) {
    T op{};
    std::size_t rest = which;
    T::fields([&]<class Field>(const char*, Field T::* member) {
      const auto choices = detail::tried(Field{});
      op.*member = choices[rest % choices.size()];
      rest /= choices.size();
    });
    if (rest != 0) return all;
    all.push_back(op);
  }
}

// By kind of operation.
inline std::vector<std::vector<trace::Op>> candidates() {
  std::vector<std::vector<trace::Op>> all;
  trace::for_each_op([&]<class T>(std::type_identity<T>, std::size_t) {
    if constexpr (!kAskedAlone.has(trace::kIndexOf<T>)) all.push_back(candidates_of<T>());
  });
  return all;
}

}  // namespace props
