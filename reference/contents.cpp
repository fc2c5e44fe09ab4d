// SPDX-License-Identifier: MPL-2.0
// What is in the pages themselves, whoever has them.
#include <numeric>

#include "reference/model.h"

namespace reference {

std::uint8_t byte_of(const State& state, Page page, std::size_t at) {
  const auto found = state.written.find(page);
  return found == state.written.end() ? static_cast<std::uint8_t>(page) : found->second[at];
}

std::uint64_t sum_of(const State& state, Page page) {
  if (state.murky.contains(page)) return kNotKnown;
  const auto found = state.written.find(page);
  if (found == state.written.end()) return kPageBytes * static_cast<std::uint8_t>(page);
  return std::accumulate(found->second.begin(), found->second.end(), std::uint64_t{0});
}

std::uint64_t sum_with(std::uint64_t left, std::uint64_t right) {
  return left == kNotKnown || right == kNotKnown ? kNotKnown : left + right;
}

}  // namespace reference
