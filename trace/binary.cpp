// SPDX-License-Identifier: MPL-2.0
#include "trace/binary.h"

namespace trace {

Op blank_op(std::size_t index) {
  return with_op(index, []<class T>(std::type_identity<T>) { return Op(std::in_place_type<T>); });
}

Call decode_call(const Record& record) {
  Call call{{record[1]}, blank_op(record[0] % kOpCount)};
  call.lane.settle();
  std::visit([&](auto& op) { detail::read_fields(op, record.data() + 2); }, call.op);
  return call;
}

Record encode_call(const Call& call) {
  Record record{static_cast<std::uint8_t>(call.op.index()), call.lane.index};
  std::visit([&](const auto& op) { detail::write_fields(op, record.data() + 2); }, call.op);
  return record;
}

}  // namespace trace
