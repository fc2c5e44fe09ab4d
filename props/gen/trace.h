// SPDX-License-Identifier: MPL-2.0
// Traces for RapidCheck. It generates; our shrinker shrinks, and where that stands is part of each
// node of the tree, so that a success goes on from there.
#pragma once

#include <rapidcheck.h>

#include "check/shrink.h"
#include "props/properties.h"
#include "trace/text.h"

namespace props {

inline rc::Shrinkable<trace::Trace> as_shrinkable(check::Shrinker node);

// The smaller traces of a node, one by one.
struct Smaller {
  check::Shrinker node;

  rc::Maybe<rc::Shrinkable<trace::Trace>> operator()() {
    auto next = node.next();
    if (!next) return rc::Nothing;
    return as_shrinkable(std::move(*next));
  }
};

inline rc::Shrinkable<trace::Trace> as_shrinkable(check::Shrinker node) {
  return rc::shrinkable::lambda([node] { return node.trace; },
                                [node] { return rc::makeSeq<Smaller>(Smaller{node}); });
}

// Of a property, with up to 2 operations for each unit of RapidCheck's size.
inline rc::Gen<trace::Trace> traces_of(const Property& property) {
  return [&property](rc::Random random, int size) {
    const auto most_ops = static_cast<std::size_t>(size) * 2;
    return as_shrinkable(check::Shrinker(any_trace_of(property, Dice(random.next()), most_ops)));
  };
}

}  // namespace props

namespace trace {

inline void showValue(const Trace& trace, std::ostream& out) { out << '\n' << trace; }

}  // namespace trace
