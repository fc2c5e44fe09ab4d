// SPDX-License-Identifier: MPL-2.0
#include "check/operands.h"

namespace check {

Operands::Operands(trace::Op& op) {
  std::visit(
      [this]<class T>(T& one) {
        T::fields([&](const char*, auto member) { all_[count_++] = &(one.*member); });
      },
      op);
}

static_assert(
    [] {
      std::size_t most = 0;
      trace::for_each_op([&]<class T>(std::type_identity<T>, std::size_t) {
        std::size_t fields = 0;
        T::fields([&](const char*, auto) { ++fields; });
        most = std::max(most, fields);
      });
      return most;
    }() == 6,
    "There must be room for the operands of every operation");

}  // namespace check
