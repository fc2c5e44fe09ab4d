// SPDX-License-Identifier: MPL-2.0
// Is there an order, consistent with what was seen to come before what, in which the model gives
// every answer that was seen, and the state that was left?
//
// What is ordered are the phases of operations: `step` and then each `finish`. An operation that
// ended before another began is finished before the other steps. First the order is tried in which
// things really happened: an operation steps when it first changed what others can see, finishes a
// phase at each further change, and does the rest at its end. Nearly always that explains a right
// run, in one pass. Only if it does not are all orders searched.
//
// An operation that had to wait for another lane is impermissible as long as that is so: it steps
// later.
//
// A trace ends where an operation aborts: what was not before it in the order is not judged.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "check/compare.h"
#include "check/sut.h"

namespace check {

inline constexpr std::size_t kNever = ~std::size_t{0};

struct Happened {
  trace::Op op;
  trace::Answer seen{};
  std::size_t began = kNever;  // Moments of one clock: places in the log.
  std::size_t ended = kNever;
};
using History = std::vector<std::vector<Happened>>;  // By lane.

// What happened, in order, to the operation that its lane is at.
enum class Moment : std::uint8_t { began, changed, ended };
struct Event {
  std::uint8_t lane;
  Moment what;
};
using Log = std::span<const Event>;

enum class Order { found, none, undecided };

// Where the order that really happened first failed to explain what was seen.
struct Unexplained {
  bool is_answer = false;  // Of this operation; if not, what was left, and the operation is the
                           // last that changed a page in question.
  std::uint8_t lane = 0;
  std::size_t op = 0;        // Of the lane.
  trace::Answer expected{};  // If it is an answer.
  Difference difference{};   // If it is not.
};

template <Judge M>
class Linearizer {
 public:
  // How many states a search may visit, and how many facts about them it may keep (88 bytes each).
  // Beyond, it is undecided.
  static constexpr std::size_t kMostStates = 200'000, kMostFacts = 2'000'000;

  // `model` is the one before the first event. `left` is sorted.
  Linearizer(const History& history, const trace::Machine& shape, const Facts& left)
      : history_(history), shape_(shape), left_(left) {}

  // Whether the order in which things happened explains them.
  bool happened_in_order(const M& model, Log log) {
    end_ = model;
    bool is_over = false;
    return pass(*end_, log, is_over, [](auto&&...) {}) &&
           (is_over || facts_of(*end_, shape_) == left_);
  }

  Order finds_order(const M& model, std::size_t most_states = kMostStates) {
    at_.assign(history_.size(), {});
    failed_.clear();
    states_ = facts_ = 0;
    most_states_ = most_states;
    if (search(model)) return Order::found;
    return must_give_up() ? Order::undecided : Order::none;
  }

  // Where the order that explains it has led the model. Requires that one was found.
  M& end() { return *end_; }

  // How many states the last search has visited.
  std::size_t states() const { return states_; }

  // For people, once no order was found.
  Unexplained why_not_as_happened(M model, Log log) {
    Unexplained why;
    bool is_over = false;
    std::vector<std::pair<std::uint64_t, std::pair<std::uint8_t, std::size_t>>> touched;
    auto note = [&](std::uint8_t lane, const trace::Answer& expected, bool is_explained) {
      for (const std::uint64_t page : model.touched()) {
        touched.push_back({page, {lane, at_[lane].next}});
      }
      if (!is_explained) why = {true, lane, at_[lane].next, expected, {}};
    };
    (void)model.touched();
    if (!pass(model, log, is_over, note)) return why;
    why.difference = check::difference(facts_of(model, shape_), left_);
    for (const auto& [page, by] : touched) {
      if (speaks_of(why.difference.missing, page) || speaks_of(why.difference.unexpected, page)) {
        std::tie(why.lane, why.op) = by;
      }
    }
    return why;
  }

 private:
  // Where a lane stands in an order.
  struct At {
    std::size_t next = 0;      // The operation it is at, or will begin.
    std::uint32_t phases = 0;  // Of that operation, done.
    auto operator<=>(const At&) const = default;
  };
  struct Place {
    std::vector<At> at;
    Facts facts;
    std::vector<std::uint64_t> hidden;
    auto operator<=>(const Place&) const = default;
  };

  // `after(lane, expected, is_explained)` is called after each phase. Stops at the first answer
  // that is not explained; `is_over` if an abort was.
  bool pass(M& model, Log log, bool& is_over, auto&& after) {
    at_.assign(history_.size(), {});
    for (const auto& [lane, what] : log) {
      if (what == Moment::began) continue;
      At& at = at_[lane];
      const Happened& one = history_[lane][at.next];
      if (at.phases == 0) {
        const trace::Answer expected = step(model, lane, one);
        if (what == Moment::changed && must_wait(expected)) continue;
        const bool is_explained = explains(expected, one);
        after(lane, expected, is_explained);
        if (!is_explained) return false;
        if (has_aborted(one)) return is_over = true;
        ++at.phases;
      } else if (what == Moment::changed && model.unfinished(lane)) {
        if (!finish(model, lane, one, after)) return false;
      }
      if (what != Moment::ended) continue;
      while (model.unfinished(lane)) {
        if (!finish(model, lane, one, after)) return false;
      }
      at = {at.next + 1, 0};
    }
    return true;
  }

  // One phase more. Whether what was seen is explained, as far as that can be said by now.
  static bool finish(M& model, std::uint8_t lane, const Happened& one, auto&& after) {
    const std::optional<trace::Answer> answer = model.finish(lane);
    const bool is_explained = !answer || explains(*answer, one);
    after(lane, answer ? *answer : one.seen, is_explained);
    return is_explained;
  }

  bool search(const M& model) {
    bool is_over = true;
    for (std::uint8_t lane = 0; lane < history_.size(); ++lane) {
      is_over = is_over && at_[lane].phases == 0 && at_[lane].next == history_[lane].size();
    }
    Place here{at_, facts_of(model, shape_), {}};
    if (is_over) {
      const bool is_explained = here.facts == left_;
      if (is_explained) end_ = model;
      return is_explained;
    }
    if constexpr (requires { model.hidden(); }) here.hidden = model.hidden();
    if (failed_.contains(here)) return false;
    ++states_;
    facts_ += here.facts.size();
    if (must_give_up()) return false;

    for (std::uint8_t lane = 0; lane < history_.size(); ++lane) {
      const At before = at_[lane];
      if (before.phases == 0 && !may_begin(lane)) continue;
      // Not on the stack: an order may be thousands of phases long.
      const auto copy = std::make_unique<M>(model);
      M& after = *copy;
      if (before.phases == 0) {
        const Happened& one = history_[lane][before.next];
        if (!explains(step(after, lane, one), one)) continue;
        if (has_aborted(one)) return end_ = after, true;
      } else if (!finish(after, lane, history_[lane][before.next], [](auto&&...) {})) {
        continue;
      }
      at_[lane] =
          after.unfinished(lane) ? At{before.next, before.phases + 1} : At{before.next + 1, 0};
      if (search(after)) return true;
      at_[lane] = before;
    }
    // What a lane holds follows from the answers it got, which are those seen, so two states alike
    // in where all lanes stand, in their facts, and in what no fact shows, have the same future.
    failed_.insert(std::move(here));
    return false;
  }

  bool must_give_up() const { return states_ >= most_states_ || facts_ >= kMostFacts; }

  // Whether all that ended before the lane's next operation began is finished.
  bool may_begin(std::uint8_t lane) const {
    if (at_[lane].next == history_[lane].size()) return false;
    const std::size_t began = history_[lane][at_[lane].next].began;
    for (std::size_t other = 0; other < history_.size(); ++other) {
      const std::size_t next = at_[other].next;
      if (next < history_[other].size() && history_[other][next].ended < began) return false;
    }
    return true;
  }

  static bool has_aborted(const Happened& one) {
    return one.seen.reply.status == trace::Status::aborted;
  }
  static bool explains(const trace::Answer& expected, const Happened& one) {
    return expected == one.seen && expected.reply.status != trace::Status::impermissible;
  }
  static bool must_wait(const trace::Answer& expected) {
    return expected.reply.status == trace::Status::impermissible;
  }
  // What a system declines has changed nothing, and the model is not asked.
  static trace::Answer step(M& model, std::uint8_t lane, const Happened& one) {
    if (one.seen.reply.status == trace::Status::declined) return one.seen;
    return model.step(lane, one.op, one.seen);
  }
  static bool speaks_of(const Facts& facts, std::uint64_t page) {
    return std::ranges::any_of(facts, [&](const trace::Fact& fact) {
      return std::visit(
          [&](const auto& one) {
            if constexpr (requires { one.page; }) {
              return one.page == page;
            } else {
              return false;  // Of no page.
            }
          },
          fact);
    });
  }

  const History& history_;
  const trace::Machine& shape_;
  const Facts& left_;
  std::vector<At> at_{};
  std::optional<M> end_{};
  std::set<Place> failed_{};
  std::size_t states_ = 0, facts_ = 0, most_states_ = kMostStates;
};

}  // namespace check
