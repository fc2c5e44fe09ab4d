// SPDX-License-Identifier: MPL-2.0
// The allocator. Which page it hands out is its own choice, so the choice is judged, not foretold.
#include "reference/model.h"

namespace reference {

using trace::Status;

bool allows(const State& state, Lane lane, const trace::AllocFrame& op) {
  return !state.held[lane].has(op.to);
}

// Phases: taken and busy - published.
Answer step(State& state, Lane lane, const trace::AllocFrame& op, const Answer& seen) {
  Answer answer;
  if (seen.choices.taken.count == 0) {
    if (!state.free.empty()) return {{Status::impermissible}, {}};
    answer.reply.status = Status::no_memory;
    answer.choices.refused = 1;
    return answer;
  }
  const Page page = seen.choices.taken.page[0];
  if (!state.free.contains(page)) return {{Status::impermissible}, {}};

  state.free.erase(page);
  answer = claim(state, lane, page * kPageBytes, made(op.kind, op.value.value()),
                 {.next = Unfinished::Next::publish_shared, .to = op.to.index});
  answer.choices.taken.push(page);
  answer.reply.results[0] = page * kPageBytes;
  return answer;
}

}  // namespace reference
