// SPDX-License-Identifier: MPL-2.0
// A system that supports only some operations, made one that answers all: the others are declined,
// and the model changes nothing.
//
//   check::Declines<MySystem, trace::AllocFrame> all_but_one;
//   check::Supports<MySystem, trace::FrameFromUnused, trace::FrameDrop> only_two;
//
// Whatever is to be asked must have a handler: one forgotten does not compile.
#pragma once

#include <concepts>
#include <utility>

#include "check/sut.h"

namespace check {

template <class S, bool kListedAreAsked, class... Listed>
class Partial {
 public:
  template <class... Args>
  explicit Partial(Args&&... args) : system_(std::forward<Args>(args)...) {}

  template <class OneOp>
  trace::Answer apply(std::uint8_t lane, const OneOp& op) {
    constexpr bool kIsListed = (std::same_as<OneOp, Listed> || ...);
    if constexpr (kIsListed == kListedAreAsked) {
      return system_.apply(lane, op);
    } else {
      return {{.status = trace::Status::declined}, {}};
    }
  }

  void reset(const trace::Machine& shape) { system_.reset(shape); }
  void rebuild(const trace::Machine& shape) { system_.rebuild(shape); }
  void observe(std::uint64_t page, auto&& see) const { system_.observe(page, see); }
  std::uint64_t digest(std::uint64_t page) const { return system_.digest(page); }
  void free_blocks(auto&& see) const
    requires ShowsFreeBlocks<S>
  {
    system_.free_blocks(see);
  }

  S& system() { return system_; }

 private:
  S system_;
};

template <class S, class... Declined>
using Declines = Partial<S, false, Declined...>;

template <class S, class... Supported>
using Supports = Partial<S, true, Supported...>;

}  // namespace check
