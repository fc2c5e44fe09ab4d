// SPDX-License-Identifier: MPL-2.0
// States and steps that are made by hand and broken, to see that laws refuse them, and that they
// permit their twins without the fault.
#pragma once

#include <gtest/gtest.h>
#include <set>

#include "props/laws/bench.h"

namespace laws {

using Ids = std::set<std::string>;

struct BrokenState {
  const char* law;
  void (*breaks)(reference::State&);
  Ids also{};  // Laws that speak of the same thing, and cannot but refuse it too.
};

// A step, and a way to break it. What is not broken is what the model does.
struct Taken {
  reference::State before;
  trace::Answer answer;
  reference::State after;
};
struct BrokenStep {
  const char* law;
  std::vector<Asked> prologue;
  Asked asked;
  void (*breaks)(Taken&);
  Ids also{};
};

// The ids of the laws that refuse a state, or a step.
template <class What>
std::string refused_by(const What& what) {
  std::string ids;
  for (const reference::Law& law : reference::laws()) {
    if (!reference::keeps(law, what)) ids += std::string(law.id) + ' ';
  }
  return ids;
}

// In the order of the laws.
inline std::string listed(Ids ids, const char* one) {
  ids.insert(one);
  std::string text;
  for (const reference::Law& law : reference::laws()) {
    if (ids.contains(law.id)) text += std::string(law.id) + ' ';
  }
  return text;
}

inline void expect_refused(const BrokenState& broken, reference::State state, std::size_t which) {
  ASSERT_EQ(refused_by(state), "") << "The twin of state " << which;
  broken.breaks(state);
  EXPECT_EQ(refused_by(state), listed(broken.also, broken.law)) << "State " << which;
}

inline void expect_refused(const BrokenStep& broken, reference::Model model, std::size_t which) {
  for (const Asked& asked : broken.prologue) ask(model, asked);
  const reference::State was = model.state();
  const trace::Answer answer = ask(model, broken.asked);
  Taken taken{was, answer, model.state()};
  const reference::Step step{taken.before, broken.asked.lane, broken.asked.op, taken.answer,
                             taken.after};
  ASSERT_NE(answer.reply.status, Status::passed_over) << "Step " << which;
  ASSERT_EQ(reference::broken_law(step), nullptr) << "The twin of step " << which;
  broken.breaks(taken);
  EXPECT_EQ(refused_by(step), listed(broken.also, broken.law)) << "Step " << which;
  const char* const cited =
      reference::Model(taken.after)
          .broken_law(reference::Model(taken.before), step.lane, step.op, taken.answer);
  ASSERT_NE(cited, nullptr) << "Step " << which;
  EXPECT_TRUE(cited == std::string(broken.law) || broken.also.contains(cited))
      << cited << ", step " << which;
}

inline void expect_all_refused(const auto& all_broken, const reference::Model& scene) {
  std::size_t which = 0;
  for (const BrokenStep& broken : all_broken) expect_refused(broken, scene, which++);
}

// The same where a fault may break other laws, too.
template <class What>
bool is_refused_by(const char* id, const What& what) {
  const reference::Law* const law = reference::law_of(id);
  return law != nullptr && !reference::keeps(*law, what);
}

inline void expect_refused_among(const BrokenState& broken, reference::State state,
                                 std::size_t which) {
  ASSERT_EQ(refused_by(state), "") << "The twin of state " << which;
  broken.breaks(state);
  EXPECT_TRUE(is_refused_by(broken.law, state)) << broken.law << ", state " << which;
}

// `seen_for(model, asked)` is what is seen of the memory manager.
inline void expect_refused_among(const BrokenStep& broken, reference::Model model,
                                 std::size_t which, auto&& seen_for) {
  for (const Asked& asked : broken.prologue) ask(model, asked);
  const reference::State was = model.state();
  const trace::Answer answer = ask(model, broken.asked, seen_for(model, broken.asked));
  ASSERT_NE(answer.reply.status, Status::passed_over) << "Step " << which;
  Taken taken{was, answer, model.state()};
  const reference::Step step{taken.before, broken.asked.lane, broken.asked.op, taken.answer,
                             taken.after};
  ASSERT_EQ(refused_by(step), "") << "The twin of step " << which;
  broken.breaks(taken);
  EXPECT_TRUE(is_refused_by(broken.law, step)) << broken.law << ", step " << which;
}

// The laws that have been seen to refuse something, in each of their forms.
class Refusals {
 public:
  void note(const BrokenState& broken, reference::State state) {
    broken.breaks(state);
    const reference::Books books = reference::books_of(state);
    for (const reference::Law& law : reference::laws()) {
      if (law.of_state != nullptr && !law.of_state(state)) seen_.insert({law.id, kOfState});
      for (reference::Page page = 0; page < state.slots.size(); ++page) {
        if (!reference::keeps(law, state, books[page], page)) seen_.insert({law.id, kOfPage});
      }
    }
  }
  void note(const BrokenStep& broken) { seen_.insert({broken.law, kOfStep}); }

  // That those are in it of which `is_meant(law)`.
  void expect_all(auto&& is_meant) const {
    for (const reference::Law& law : reference::laws()) {
      if (!is_meant(law)) continue;
      auto has = [&](Form form) { return seen_.contains({law.id, form}); };
      EXPECT_EQ(law.of_page != nullptr, has(kOfPage)) << law.id << " of a page";
      EXPECT_EQ(law.of_state != nullptr, has(kOfState)) << law.id << " of a state";
      EXPECT_EQ(law.of_step != nullptr, has(kOfStep)) << law.id << " of a step";
    }
  }

 private:
  enum Form { kOfPage, kOfState, kOfStep };
  std::set<std::pair<std::string, Form>> seen_;
};

// The laws of single families, each shown to refuse in the test of its family; all others are in
// laws_refuse_test.
inline const Ids kOfSegments = {"INV-20",  "POST-13", "POST-14", "POST-15",
                                "POST-16", "POST-17", "POST-18"};
inline const Ids kOfLists = {"INV-21",  "INV-22",  "INV-23",  "POST-19",
                             "POST-20", "POST-21", "POST-22", "POST-23"};
inline const Ids kOfBytes = {"B.9"};
inline const Ids kOfAllocator = {"B.10"};
inline const Ids kOfBoot = {"B.11"};
inline const Ids kOfBootTable = {"C.8"};

inline const Ids kOfTables = {
    "POST-34", "POST-24", "POST-25", "POST-26", "POST-27", "POST-28", "POST-29", "POST-30",
    "POST-31", "POST-32", "INV-36",  "INV-44",  "L3",      "INV-47",  "POST-41", "POST-42",
    "D.8",     "PRE-6",   "PRE-7",   "PRE-8",   "PRE-9",   "PRE-10",  "POST-46", "L8",
    "L9",      "INV-15",  "INV-24",  "INV-25",  "INV-26",  "INV-27",  "INV-28",  "INV-29",
    "INV-30",  "INV-31",  "INV-32",  "INV-33",  "INV-34",  "INV-35",  "INV-37",  "INV-38",
    "INV-39",  "INV-40",  "INV-41",  "INV-42"};

inline const Ids kOfSpaces = {"INV-48", "INV-49", "INV-50", "POST-43", "POST-44", "POST-45"};

inline const Ids kOfUsers = {"POST-40", "C.10"};

inline const Ids kOfAreas = {"INV-45", "POST-39"};

inline bool is_shown_elsewhere(const char* id) {
  for (const Ids& ids : {kOfSegments, kOfLists, kOfBytes, kOfAllocator, kOfBoot, kOfBootTable,
                         kOfTables, kOfSpaces, kOfUsers, kOfAreas}) {
    if (ids.contains(id)) return true;
  }
  return false;
}

}  // namespace laws
