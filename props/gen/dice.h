// SPDX-License-Identifier: MPL-2.0
// Random numbers for generators: small, fast, and the same on every machine for the same seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace props {

// Spreads the bits of a number over all of it (the finisher of SplitMix64).
constexpr std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

class Dice {
 public:
  explicit constexpr Dice(std::uint64_t seed) : state_(mixed(seed)) {}

  constexpr std::uint64_t next() { return mixed(state_ += 0x9e3779b97f4a7c15); }

  // From 0 up to, but not including, `end`, which is at least 1 and fits 32 bits.
  constexpr std::uint32_t below(std::size_t end) {
    return static_cast<std::uint32_t>(((next() >> 32) * end) >> 32);
  }
  constexpr std::uint32_t between(std::size_t first, std::size_t last) {
    return static_cast<std::uint32_t>(first + below(last - first + 1));
  }
  constexpr bool one_in(std::size_t n) { return below(n) == 0; }

  // An index, as often as its weight says; at least one weight is not 0.
  constexpr std::size_t weighted(std::span<const std::uint32_t> weights, std::uint32_t sum) {
    std::uint32_t at = below(sum);
    std::size_t i = 0;
    while (at >= weights[i]) at -= weights[i++];
    return i;
  }

 private:
  std::uint64_t state_;
};

}  // namespace props
