// SPDX-License-Identifier: MPL-2.0
// Operations on page tables that are more than one phase: what is taken out goes one by one, is put
// off by itself, and ends page by page. In between others look, and change what is theirs.
#include <variant>

#include "reference/model.h"

namespace reference {

using trace::Status;

Answer begin(State& state, Lane lane, Doing doing) {
  std::optional<Doing>& now = state.held[lane].doing;
  now = std::move(doing);
  while (!state.at_once && !now->todo.empty()) go_on(state, lane);
  // Nothing here aborts, whatever was seen.
  const bool is_known = now->todo.empty() || now->seen.reply.status == Status::aborted;
  const Answer answer = is_known ? now->answer : now->seen;
  if (now->todo.empty()) now.reset();
  return answer;
}

Answer begin_rounds(State& state, Lane lane, const trace::Op& op, const Answer& seen,
                    VirtPage end) {
  state.held[lane].doing = {
      .op = op, .todo = {{.next = Phase::Next::again}}, .seen = seen, .end = end};
  go_on(state, lane);
  return begin(state, lane, *state.held[lane].doing);
}

Doing do_at_once(State& state, Lane lane, Doing doing) {
  std::optional<Doing>& now = state.held[lane].doing;
  now = std::move(doing);
  while (!now->todo.empty()) go_on(state, lane);
  return *std::exchange(now, std::nullopt);
}

void go_on(State& state, Lane lane) {
  Doing& doing = *state.held[lane].doing;
  const std::size_t at = doing.todo.size() - 1;
  const Phase now = doing.todo[at];
  switch (now.next) {
    case Phase::Next::again: {
      const bool is_over = std::visit(
          [&](const auto& op) {
            if constexpr (requires { go_on(state, lane, op, doing); }) {
              return go_on(state, lane, op, doing);
            } else {
              return true;
            }
          },
          trace::Op(doing.op));
      // What it has put on top is to be done first.
      if (is_over) doing.todo.erase(doing.todo.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    }
    case Phase::Next::drop:
    case Phase::Next::retire:
    case Phase::Next::give_back: fall(state, doing.todo, doing.answer, doing.first); break;
    case Phase::Next::put_off:
      doing.todo.pop_back();
      put_off(state, now.page);
      break;
    case Phase::Next::end_period:
      doing.todo.pop_back();
      end_period(state);
      break;
  }
}

}  // namespace reference
