// SPDX-License-Identifier: MPL-2.0
#include "check/explore/scheduler.h"

#include <limits>
#include <memory>

#include "check/explore/fiber.h"
#include "check/machine/cpu.h"
#include "check/machine/sanitizer.h"

namespace check::explore {
namespace {

enum class Standing : std::uint8_t {
  ready,     // At a point.
  looking,   // At a spin, but with something new to look at: ready.
  spinning,  // At a spin.
  asking,    // Midway: whether its compare-exchange fails.
  finished,
};

// Read and written by the hub and, in the unseen functions below, by the running lane.
struct Lane {
  Fiber fiber;
  const std::function<void()>* body = nullptr;
  trace::Where where{};
  Standing standing = Standing::finished;
  bool has_stopped = false;  // For the access that is next.
  bool has_moved = false;    // Since it last went, it has come by a point without stopping.
  bool goes_until_it_waits = false;
  bool has_failed = false;    // Spuriously, in this operation.
  bool must_fail = false;     // What the hub answered.
  bool has_news = false;      // A refusal that it has not yet looked at,
  std::uint64_t refusal = 0;  // and what the last one was.
};

constexpr std::uint32_t kBeyond = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kNoRefusal = ~std::uint64_t{0} - 0x5eed;
// Each point lets a lane begin or change something once; each begin has an end.
constexpr std::size_t kMostEvents = 4 * Scheduler::kMostPoints;

Lane* const lanes = new Lane[kMostLanes];
Lane* running = nullptr;  // Null outside a run.
std::size_t points = 0;
bool may_fail = false;
Event* const events = new Event[kMostEvents];
std::size_t event_count = 0;

PAGETWIN_UNSEEN void note(Moment what) {
  if (event_count == kMostEvents) return;
  events[event_count].lane = running->where.lane;
  events[event_count].what = what;
  ++event_count;
}

PAGETWIN_UNSEEN const std::function<void()>& body_of_running() { return *running->body; }

PAGETWIN_UNSEEN void lane_main() {
  body_of_running()();
  running->standing = Standing::finished;
  running->where.op += 1;
  running->where.point = 0;
  running->fiber.leave(true);
}

PAGETWIN_UNSEEN void stop(Lane& lane) {
  if (lane.goes_until_it_waits && ++points < Scheduler::kMostPoints) {
    lane.has_moved = true;
  } else {
    lane.standing = Standing::ready;
    lane.fiber.leave(false);
  }
}

PAGETWIN_UNSEEN void enter(Lane& lane, bool is_start) {
  machine::become(lane.where.lane);
  running = &lane;
  lane.fiber.enter(is_start);
  running = nullptr;
}

}  // namespace

PAGETWIN_UNSEEN void Scheduler::begin(std::uint32_t op) noexcept {
  if (running == nullptr) return;
  Lane& lane = *running;
  lane.where.op = op;
  lane.where.point = 0;
  stop(lane);
  lane.has_stopped = true;
  lane.has_failed = false;
  lane.refusal = kNoRefusal;
  note(Moment::began);
}

PAGETWIN_UNSEEN void Scheduler::end() noexcept {
  if (running == nullptr) return;
  running->has_stopped = false;
  note(Moment::ended);
}

PAGETWIN_UNSEEN void Scheduler::point() noexcept {
  if (running == nullptr) return;
  Lane& lane = *running;
  if (!lane.has_stopped) stop(lane);
  lane.has_stopped = false;
  ++lane.where.point;
}

PAGETWIN_UNSEEN void Scheduler::changed() noexcept {
  if (running != nullptr) note(Moment::changed);
}

PAGETWIN_UNSEEN bool Scheduler::fails() noexcept {
  if (running == nullptr || !may_fail || running->has_failed) return false;
  running->standing = Standing::asking;
  running->fiber.leave(false);
  return running->has_failed = running->must_fail;
}

PAGETWIN_UNSEEN void Scheduler::refused(std::uint64_t seen) noexcept {
  if (running == nullptr) return;
  running->has_news = seen != running->refusal;
  running->refusal = seen;
}

PAGETWIN_UNSEEN bool Scheduler::spin() noexcept {
  if (running == nullptr) return false;
  Lane& lane = *running;
  if (lane.has_stopped) ++lane.where.point;  // It spins again without an access between.
  lane.standing = lane.has_news ? Standing::looking : Standing::spinning;
  lane.has_news = false;
  lane.has_stopped = true;
  lane.fiber.leave(false);
  return true;
}

Log Scheduler::log() { return {events, event_count}; }

// ------------------------------------------------------------------------------------- the hub

namespace {

// Writes down who went, turn by turn. Trailing turns in which the lowest lane that could go went to
// its end are left out: that is what happens when nothing is chosen.
class Record {
 public:
  void begin() {
    choices_.clear();
    failures_.clear();
    kept_ = 1;
    lane_ = kNobody;
  }
  void goes(std::uint8_t lane, bool is_lowest) {
    if (lane == lane_) return;
    close();
    lane_ = lane;
    is_default_ = is_lowest;
  }
  void fails(const trace::Where& at) { failures_.push_back({trace::Choice::What::failure, at}); }
  void end() {
    close();
    choices_.resize(std::min(choices_.size(), kept_));
    choices_.insert(choices_.end(), failures_.begin(), failures_.end());
  }
  const std::vector<trace::Choice>& choices() const { return choices_; }

 private:
  void close() {
    if (lane_ == kNobody) return;
    choices_.push_back({trace::Choice::What::turn, lanes[lane_].where});
    if (!is_default_ || lanes[lane_].standing != Standing::finished) kept_ = choices_.size();
  }

  std::vector<trace::Choice> choices_{}, failures_{};
  std::size_t kept_ = 1;
  std::uint8_t lane_ = kNobody;
  bool is_default_ = false;
};
Record record;

// Lets a lane go until it stops, and answers what it asks on the way.
void go(Lane& lane, Chooser& chooser) {
  for (enter(lane, /*is_start=*/false); lane.standing == Standing::asking;
       enter(lane, /*is_start=*/false)) {
    trace::Where at = lane.where;
    --at.point;  // It has come by this point already.
    lane.must_fail = chooser.fails(at);
    if (lane.must_fail) record.fails(at);
    may_fail = chooser.may_fail();
  }
}

}  // namespace

const std::vector<trace::Choice>& Scheduler::schedule() { return record.choices(); }

End Scheduler::run(std::span<const std::function<void()>> bodies, Chooser& chooser) {
  const auto count = static_cast<std::uint8_t>(bodies.size());
  chooser.begin();
  record.begin();
  event_count = points = 0;
  may_fail = false;
  Crossroads at;
  for (std::uint8_t i = 0; i < kMostLanes; ++i) {
    Lane& lane = lanes[i];
    lane.where = {i, 0, 0};
    at.where[i] = {i, kBeyond, kBeyond};
    lane.goes_until_it_waits = lane.has_stopped = lane.has_failed = lane.has_news = false;
    lane.refusal = kNoRefusal;
    if (i >= count) continue;
    lane.body = &bodies[i];
    lane.fiber.start(lane_main);
    enter(lane, /*is_start=*/true);  // To its first point.
  }
  may_fail = chooser.may_fail();

  auto is_ended_by = [&](End end) {
    record.end();
    for (std::uint8_t i = 0; i < count; ++i) {
      if (lanes[i].standing != Standing::finished) lanes[i].fiber.abandon();
      lanes[i].standing = Standing::finished;
    }
    return end;
  };
  bool was_stuck = false;
  for (;;) {
    std::uint8_t unfinished = 0;
    at.count = 0;
    for (std::uint8_t i = 0; i < count; ++i) {
      const Standing standing = lanes[i].standing;
      at.where[i] = lanes[i].where;
      unfinished += standing != Standing::finished ? 1 : 0;
      if (standing == Standing::ready || standing == Standing::looking) at.ready[at.count++] = i;
    }
    if (unfinished == 0) return is_ended_by(End::finished);
    auto wake_all = [&] {
      for (std::uint8_t i = 0; i < count; ++i) {
        if (lanes[i].standing == Standing::spinning) lanes[i].standing = Standing::looking;
      }
    };
    if (at.count == 0) {  // All spin. Each looks once more; if all spin again, it is for ever.
      if (was_stuck) return is_ended_by(End::deadlock);
      was_stuck = true;
      wake_all();
      continue;
    }
    if (points >= kMostPoints) return is_ended_by(End::endless);
    ++points;
    Turn turn{at.ready[0], unfinished == 1};
    if (at.count > 1) {
      at.may_stay = at.last != kNobody && lanes[at.last].standing == Standing::ready;
      turn = chooser.choose(at);
    }
    Lane& gone = lanes[turn.lane];
    record.goes(turn.lane, turn.lane == at.ready[0]);
    at.last = turn.lane;
    gone.goes_until_it_waits = turn.until_it_waits;
    gone.has_moved = false;
    go(gone, chooser);
    // A lane that has only looked, and waits on, has not moved: only its next point says so.
    if (gone.has_moved || gone.standing == Standing::ready || gone.standing == Standing::finished) {
      was_stuck = false;
      wake_all();
    }
  }
}

}  // namespace check::explore
