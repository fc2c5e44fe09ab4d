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

Answer step(State& state, Lane lane, const trace::Quiesce&, const Answer&) {
  Answer answer;
  note_no_end(answer, 1);
  Grace& grace = state.grace;
  grace.to_pass.erase(lane);
  if (!grace.to_pass.empty() || grace.running.empty()) return answer;

  const std::vector<Page> batch = std::exchange(grace.running, {});
  for (const Page page : batch) drop_count(state, page, answer, 1);
  answer.reply.results[0] = batch.size();
  if (!grace.waiting.empty()) begin_period(state, std::exchange(grace.waiting, {}));
  return answer;
}

}  // namespace reference
