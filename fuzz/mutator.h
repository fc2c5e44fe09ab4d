// SPDX-License-Identifier: MPL-2.0
// Changes fuzz inputs by whole operations: every input is a trace, and so is what comes of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fuzz {

// Changes one byte of a record, or a few, where the fuzzer's own mutations are wanted.
using ChangeBytes = std::size_t (*)(std::uint8_t* data, std::size_t size, std::size_t most);

// The bytes of a trace a step away from that of `data`: an operation more, fewer, moved, changed or
// repeated; or another machine. The model goes alongside: new operations are drawn so that it
// allows them, and those that it does not allow any more are mostly left out. At most `most` bytes.
std::vector<std::uint8_t> mutated(const std::uint8_t* data, std::size_t size, std::size_t most,
                                  std::uint64_t seed, ChangeBytes change_bytes);

// Operations of one trace up to some point, and those of the other from some point; likewise.
std::vector<std::uint8_t> crossed(const std::uint8_t* left, std::size_t left_size,
                                  const std::uint8_t* right, std::size_t right_size,
                                  std::size_t most, std::uint64_t seed);

}  // namespace fuzz
