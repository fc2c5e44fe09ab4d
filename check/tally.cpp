// SPDX-License-Identifier: MPL-2.0
#include "check/tally.h"

namespace check {

std::vector<Outcome> missing_outcomes(const Tally& tally, bool at_once) {
  std::vector<Outcome> missing;
  trace::for_each_op([&]<class T>(std::type_identity<T>, std::size_t op) {
    if (tally.count(op, trace::Status::declined) != 0) return;
    auto look_for = [&](const auto& statuses) {
      for (const trace::Status status : statuses) {
        if (tally.count(op, status) == 0) missing.push_back({op, status});
      }
    };
    look_for(T::kOutcomes);
    if constexpr (requires { T::kOutcomesAtOnce; }) {
      if (at_once) look_for(T::kOutcomesAtOnce);
    }
  });
  return missing;
}

}  // namespace check
