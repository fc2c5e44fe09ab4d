// SPDX-License-Identifier: MPL-2.0
// What a trace hardly comes to by chance, because much must happen in the right order: memory that
// is used up, or in pieces, or all with another CPU; a list with frames; bytes that outlive a
// frame.
//
// A scene is a row of acts. An act asks for the same few operations again and again, as far as they
// can be asked; what they are asked of is drawn as ever.
#pragma once

#include <span>

#include "props/gen/taste.h"

namespace props {

struct Act {
  // Who plays. Each: every lane one round, this one last. Holder: who has a cursor open.
  enum class Lane : std::uint8_t { stay, next, back, first, each, holder };
  enum class Sizes : std::uint8_t { usual, single, few, most };  // Pages asked of the allocator.
  enum class Kinds : std::uint8_t { liked, links, untyped };     // Of metadata made.

  std::array<std::uint8_t, 6> cycle{};  // Operations, by their place in the list.
  std::uint8_t size = 0;                // How many of them.
  std::uint8_t rounds = 1;              // At most; at least half as many.
  bool until_refused = false;           // It ends when memory is used up.
  Lane lane = Lane::stay;
  Sizes sizes = Sizes::usual;
  Kinds kinds = Kinds::liked;
  bool to_limit = false;  // Counts are brought near their maximum; that soon ends the trace.
};

using Scene = std::span<const Act>;

// One that suits a taste; empty if a few tries found none.
Scene any_scene(Dice& dice, const Taste& taste);

}  // namespace props
