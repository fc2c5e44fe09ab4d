// SPDX-License-Identifier: MPL-2.0
#include "props/matrix/touches.h"

#include <optional>

#include "props/matrix/matrix.h"
#include "props/matrix/words.h"

namespace props::matrix {
namespace {

constexpr std::size_t at(int level) { return static_cast<std::size_t>(level - 1); }

// What the reference says of a touch that knows nothing; nothing, if a reserved bit is set.
std::optional<Reply> foretold(const Step& step, const Question& question, const Room& room) {
  if (has_reserved_bit({.level = question.level, .entries = question.entries, .nxe = true})) {
    return std::nullopt;
  }
  Case one{
      .level = question.level,
      .access = {.name = static_cast<trace::AccessName>(question.access),
                 .as_user = question.as_user,
                 .ac = question.ac},
      .controls = {
          .wp = question.wp, .smep = question.smep, .smap = question.smap, .nxe = question.nxe}};
  for (std::size_t i = 0; i < kLevels; ++i) {
    const std::uint64_t raw = question.entries[i];
    one.entries[i] = {.present = (raw & kPresent) != 0,
                      .writable = (raw & kWritable) != 0,
                      .user = (raw & kUser) != 0,
                      .executable = (raw & kNoExecute) == 0};
  }
  Reply reply = expected_of(one, question, room);
  if (step.to_other && reply.outcome == Reply::reached) {
    reply.pa += room.others[at(question.level)] - room.pages[at(question.level)];
  }
  return reply;
}

// A touch, but by the entries of another one.
Step with_entries_of(const Step& step, const Step& other) {
  Step mixed = step;
  mixed.question.level = other.question.level;
  mixed.question.entries = other.question.entries;
  mixed.to_other = other.to_other;
  mixed.question.keeps = false;
  return mixed;
}

bool have_same_entries(const Step& one, const Step& other) {
  return one.question.level == other.question.level &&
         one.question.entries == other.question.entries && one.to_other == other.to_other;
}

bool is_store(const Step& step) { return step.question.access == Question::store; }

bool come_to_the_same(const Reply& one, const Reply& other) {
  return one.outcome == other.outcome && one.pa == other.pa && one.error == other.error &&
         one.cr2 == other.cr2;
}

// One history, touch by touch.
class Judge {
 public:
  Judge(const History& history, Simulated& oracle, const Room& room)
      : history_(history), room_(room) {
    for (std::size_t k = 0; k < history.count; ++k) {
      for (std::size_t i = 0; i <= k; ++i) ask(oracle, k, i);
    }
  }

  // Where the oracle parts from the reference; empty if nowhere.
  const std::string& fault_of_oracle() const { return fault_of_oracle_; }

  // Touch k comes next: what the CPU forgets before.
  void begin(std::size_t k) {
    now_ = k;
    const Question& question = history_.steps[k].question;
    const bool sets_smep = k > 0 && question.smep && !history_.steps[k - 1].question.smep;
    if (!question.keeps || sets_smep) kept_ = lost_by_fault_ = {};
  }

  // Whether the CPU may show this; if a fault makes it forget, or does not.
  bool permits(const Reply& seen, bool fault_forgets = true) const {
    if (is_permitted_by(seen, now_, fault_forgets)) return true;
    return permits_old(seen, fault_forgets);
  }
  // Whether only what was before permits it.
  bool went_by_old(const Reply& seen) const {
    return !come_to_the_same(seen, expected(now_)) && permits_old(seen, true);
  }
  bool had_choice() const {
    for (std::size_t i = 0; i < now_; ++i) {
      if (kept_[i].is_there && !come_to_the_same(expected(i), expected(now_))) return true;
    }
    return false;
  }

  // What the CPU may have learned by it.
  void end(const Reply& seen) {
    if (seen.outcome == Reply::page_fault) {
      for (std::size_t i = 0; i < now_; ++i) {
        if (kept_[i].is_there) lost_by_fault_[i] = kept_[i];
      }
      kept_ = {};
    }
    const Step& step = history_.steps[now_];
    const std::uint64_t leaf = seen.entries[at(step.question.level)];
    kept_[now_] = {is_translation(question_of(step, room_)), (leaf & kDirty) != 0};
    // What is the same is known of it as well.
    for (std::size_t i = 0; i < now_; ++i) {
      kept_[now_].is_dirty |= kept_[i].is_dirty && have_same_entries(history_.steps[i], step);
    }
  }

  std::string permitted() const {
    std::string text = "\n    permitted  " + words_of(now_);
    for (std::size_t i = 0; i < now_; ++i) {
      if (kept_[i].is_there && !come_to_the_same(expected(i), expected(now_))) {
        text += "\n    or         " + words_of(i);
      }
    }
    return text;
  }

 private:
  // Entries of a touch: whether the CPU may know them, and know that the leaf is dirty.
  struct Kept {
    bool is_there = false, is_dirty = false;
  };

  void ask(Simulated& oracle, std::size_t k, std::size_t i) {
    const Step step = with_entries_of(history_.steps[k], history_.steps[i]);
    const Question question = question_of(step, oracle.room());
    const Reply reply = oracle.ask(question);
    replies_[k][i] = moved(reply, step, oracle.room(), room_);
    const std::optional<Reply> by_reference = foretold(step, question, oracle.room());
    if (!by_reference || reply == *by_reference || !fault_of_oracle_.empty()) return;
    fault_of_oracle_ = "the simulated CPU: " + in_words(question) + "\n  expected  " +
                       in_words(question, *by_reference) + "\n  seen      " +
                       in_words(question, reply) + '\n';
  }

  // Of the present touch by the entries of touch i.
  const Reply& expected(std::size_t i) const { return replies_[now_][i]; }
  std::string words_of(std::size_t i) const {
    const Step step = with_entries_of(history_.steps[now_], history_.steps[i]);
    return in_words(question_of(step, room_), expected(i));
  }

  Kept kept(std::size_t i, bool fault_forgets) const {
    if (kept_[i].is_there || fault_forgets) return kept_[i];
    return lost_by_fault_[i];
  }
  bool permits_old(const Reply& seen, bool fault_forgets) const {
    for (std::size_t i = 0; i < now_; ++i) {
      if (kept(i, fault_forgets).is_there && is_permitted_by(seen, i, fault_forgets)) return true;
    }
    return false;
  }

  // By the entries of touch i, which are those of the present one, or may be kept.
  bool is_permitted_by(const Reply& seen, std::size_t i, bool fault_forgets) const {
    bool may_know = false, may_know_dirty = false;
    for (std::size_t j = 0; j < now_; ++j) {
      const Kept one = kept(j, fault_forgets);
      may_know |= one.is_there;
      may_know_dirty |=
          one.is_there && one.is_dirty && come_to_the_same(replies_[now_][j], expected(i));
    }
    if (!may_know) return seen == expected(i);
    if (!come_to_the_same(seen, expected(i))) return false;

    const Step& now = history_.steps[now_];
    const Step& then = history_.steps[i];
    const int level = now.question.level;
    const bool has_stored = is_store(now) && seen.outcome == Reply::reached;
    const Question before = question_of(now, room_);
    for (int one = level; one <= kLevels; ++one) {
      const std::uint64_t may_set = kAccessed | (has_stored && one == level ? kDirty : 0);
      if ((before.entries[at(one)] & ~seen.entries[at(one)]) != 0 ||
          (seen.entries[at(one)] & ~before.entries[at(one)] & ~may_set) != 0) {
        return false;
      }
    }
    if (!has_stored || may_know_dirty) return true;
    // A leaf of a table that is no longer on the way is where it was, and can be marked there.
    if (then.question.level < level) return true;
    return then.question.level == level && then.to_other == now.to_other &&
           then.question.entries[at(level)] == now.question.entries[at(level)] &&
           (seen.entries[at(level)] & kDirty) != 0;
  }

  const History& history_;
  Room room_;
  std::array<std::array<Reply, History::kMost>, History::kMost> replies_{};
  std::string fault_of_oracle_{};
  std::size_t now_ = 0;
  std::array<Kept, History::kMost> kept_{}, lost_by_fault_{};
};

}  // namespace

std::vector<Question> Touches::next(std::uint64_t touches) {
  first_ += histories_.size();
  histories_.clear();
  std::vector<Question> questions;
  while (questions.size() < touches) {
    histories_.push_back(history_of(seed_, first_ + histories_.size()));
    for (const Step& step : histories_.back().all()) {
      questions.push_back(question_of(step, room_));
    }
  }
  return questions;
}

void Touches::judge(std::span<const Reply> replies) {
  std::uint64_t number = first_;
  for (const History& history : histories_) {
    judge(number++, history, replies.first(history.count));
    replies = replies.subspan(history.count);
  }
}

void Touches::judge(std::uint64_t number, const History& history, std::span<const Reply> seen) {
  findings_.touches += history.count;
  Judge judge(history, oracle_, room_);
  if (!judge.fault_of_oracle().empty()) tell(judge.fault_of_oracle());
  std::string told = "history " + std::to_string(number) + " of seed " + std::to_string(seed_);
  for (std::size_t k = 0; k < history.count; ++k) {
    judge.begin(k);
    const Question question = question_of(history.steps[k], room_);
    findings_.had_choice += judge.had_choice() ? 1 : 0;
    findings_.went_by_old += judge.went_by_old(seen[k]) ? 1 : 0;
    bool is_right = judge.permits(seen[k]) ||
                    allowed_.covers(question, seen[k],
                                    [&](const Reply& reply) { return judge.permits(reply); });
    if (!is_right && allowed_.has("fault_keeps") && judge.permits(seen[k], false)) {
      allowed_.count("fault_keeps");
      is_right = true;
    }
    told += "\n  " + in_words(question) + "\n    seen       " + in_words(question, seen[k]);
    if (!is_right) return tell(told + judge.permitted() + '\n');
    judge.end(seen[k]);
  }
}

void Touches::tell(std::string words) {
  ++findings_.mismatches;
  if (findings_.first.size() < kMostTold) findings_.first.push_back(std::move(words));
}

}  // namespace props::matrix
