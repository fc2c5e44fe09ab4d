// SPDX-License-Identifier: MPL-2.0
// Chunks: runs of 2^order pages, aligned to their size; and how other runs fall into them.
#pragma once

#include <algorithm>
#include <bit>

#include "impl/addr/address.h"

namespace mm {

using Order = u32;

inline constexpr Order kPageBits = std::countr_zero(kPageSize);

constexpr u64 bytes_of(Order order) { return kPageSize << order; }

// Of the smallest chunk that holds so many bytes, and of the largest that they fill. Both require a
// multiple of the page size, and not 0.
constexpr Order greater_order_of(u64 bytes) {
  return static_cast<Order>(std::bit_width(bytes / kPageSize - 1));
}
constexpr Order lesser_order_of(u64 bytes) {
  return static_cast<Order>(std::bit_width(bytes / kPageSize) - 1);
}

// Of the largest chunk that may begin at a page.
constexpr Order max_order_from(PhysAddr at) {
  return static_cast<Order>(std::countr_zero(at.value)) - kPageBits;
}

struct Chunk {
  PhysAddr at;
  Order order = 0;

  constexpr u64 bytes() const { return bytes_of(order); }

  // The other half of the chunk that this is half of,
  constexpr PhysAddr buddy() const { return {at.value ^ bytes()}; }
  // and that chunk.
  constexpr Chunk merged() const { return {{at.value & ~bytes()}, order + 1}; }

  // Its halves. Require an order above 0.
  constexpr Chunk lower() const { return {at, order - 1}; }
  constexpr Chunk upper() const { return {lower().buddy(), order - 1}; }

  bool operator==(const Chunk&) const = default;
};

// Calls `use` with the largest chunks that make up [at, at + bytes), ascending.
constexpr void split_to_chunks(PhysAddr at, u64 bytes, auto&& use) {
  while (bytes != 0) {
    const Chunk chunk = {at, std::min(max_order_from(at), lesser_order_of(bytes))};
    use(chunk);
    at.value += chunk.bytes();
    bytes -= chunk.bytes();
  }
}

// Calls `use` with the chunks of `order` that make up a chunk not smaller, ascending.
constexpr void split_to_order(Chunk chunk, Order order, auto&& use) {
  for (u64 done = 0; done < chunk.bytes(); done += bytes_of(order)) {
    use(Chunk{{chunk.at.value + done}, order});
  }
}

}  // namespace mm
