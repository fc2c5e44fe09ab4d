// SPDX-License-Identifier: MPL-2.0
// Where the shrinker ends, it may take several changes at once to come further down; another trace
// of few operations may lie there from the beginning.
#pragma once

#include "check/shrink.h"
#include "check/simpler.h"
#include "props/properties.h"

namespace props {

// `shrunk`, or a simpler trace that fails: of those that the property makes of hardly more
// operations, the first few that fail are shrunk too. `tries` counts them all.
template <class Fails>
check::Shrunk or_shorter(const Property& property, std::uint64_t seed, check::Shrunk shrunk,
                         Fails&& fails, check::Budget budget) {
  constexpr std::uint64_t kTraces = 6'000, kTracesAtOnce = 100;
  constexpr int kFailing = 4;
  const std::size_t most_ops = shrunk.trace.calls.size() + 2;
  if (most_ops <= 3) return shrunk;
  int failing = 0;
  for (std::uint64_t i = 0; i < (property.at_once ? kTracesAtOnce : kTraces); ++i) {
    if (failing == kFailing) break;
    trace::Trace other = trace_of(property, seed ^ 0x5407, i, most_ops);
    ++shrunk.tries;
    if (!fails(other)) continue;
    ++failing;
    check::Shrunk smaller = check::shrink(std::move(other), fails, budget);
    shrunk.tries += smaller.tries;
    if (check::is_simpler(smaller.trace, shrunk.trace)) shrunk.trace = std::move(smaller.trace);
  }
  return shrunk;
}

}  // namespace props
