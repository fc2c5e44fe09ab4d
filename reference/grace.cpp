// SPDX-License-Identifier: MPL-2.0
// Grace periods: what waits until every CPU has passed, and CPUs that pass.
#include "reference/model.h"

namespace reference {

namespace {

void begin_period(State& state, std::vector<Page> batch) {
  state.grace.running = std::move(batch);
  for (Lane lane = 0; lane < state.machine.cpus.count; ++lane) state.grace.to_pass.insert(lane);
}

}  // namespace

void put_off(State& state, Page page) {
  if (state.grace.running.empty()) {
    begin_period(state, {page});
  } else {
    state.grace.waiting.push_back(page);
  }
}

bool allows(const State& state, Lane lane, const trace::Quiesce&) {
  return !state.held[lane].cursor.has_value();
}

// Phases: it has forgotten, and passed - if it was the last, each drop - the next period begins.
// What is put off meanwhile waits for that.
Answer step(State& state, Lane lane, const trace::Quiesce& op, const Answer& seen) {
  Doing doing{.op = op, .seen = seen, .first = 1};
  note_no_end(doing.answer, doing.first);
  do_flushes(state, lane);
  Grace& grace = state.grace;
  if (grace.to_pass.erase(lane) == 0 || !grace.to_pass.empty()) return doing.answer;

  doing.answer.reply.results[0] = grace.running.size();
  doing.todo.push_back({.next = Phase::Next::end_period});
  for (auto page = grace.running.rbegin(); page != grace.running.rend(); ++page) {
    doing.todo.push_back({Phase::Next::drop, *page});
  }
  return begin(state, lane, std::move(doing));
}

void end_period(State& state) {
  state.grace.running.clear();
  if (!state.grace.waiting.empty()) begin_period(state, std::exchange(state.grace.waiting, {}));
}

}  // namespace reference
