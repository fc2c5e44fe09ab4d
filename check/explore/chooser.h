// SPDX-License-Identifier: MPL-2.0
// Who decides which lane goes next, and which weak compare-exchange fails though it need not. A run
// is the list of these decisions; trace/trace.h says how it is written down.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "trace/trace.h"

namespace check::explore {

inline constexpr std::uint8_t kMostLanes = trace::Cpu::kMost;
inline constexpr std::uint8_t kNobody = 0xff;

// What the hub knows when it asks.
struct Crossroads {
  std::array<trace::Where, kMostLanes> where{};  // By lane; a lane that ended is beyond all places.
  std::array<std::uint8_t, kMostLanes> ready{};  // The lanes that can go, ascending.
  std::uint8_t count = 0;                        // Of them; at least 2.
  std::uint8_t last = kNobody;                   // Who went last,
  bool may_stay = false;  // and whether another's going now would take the CPU from it.

  bool is_ready(std::uint8_t lane) const {
    for (std::uint8_t i = 0; i < count; ++i) {
      if (ready[i] == lane) return true;
    }
    return false;
  }
};

struct Turn {
  std::uint8_t lane;
  bool until_it_waits = false;  // Not to be asked again before the lane waits, or ends.
};

class Chooser {
 public:
  virtual ~Chooser() = default;
  virtual void begin() {}  // A run.
  virtual Turn choose(const Crossroads& at) = 0;
  // Whether the weak compare-exchange at this place fails, which would succeed. Not asked while
  // `may_fail` says no, and at most once for each operation that has failed so.
  virtual bool fails(const trace::Where& at) = 0;
  virtual bool may_fail() const = 0;
};

struct Bounds {
  std::optional<std::uint32_t> preemptions{};  // Turns that end though their lane could go on.
  std::uint32_t failures = 1;
};

// Every schedule within the bounds, once: counts up, in the mixed base that the runs reveal. The
// first is the one without preemptions and failures.
class Exhaustive final : public Chooser {
 public:
  explicit Exhaustive(Bounds bounds = {}) : bounds_(bounds) {}

  void begin() override;
  Turn choose(const Crossroads& at) override;
  bool fails(const trace::Where&) override;
  bool may_fail() const override { return failures_ < bounds_.failures; }

  // Moves to the next schedule; false when there is none.
  bool next();

 private:
  struct Digit {
    std::uint32_t value;
    std::uint32_t count;
  };
  std::uint32_t digit(std::uint32_t count);
  bool may_preempt() const { return !bounds_.preemptions || preemptions_ < *bounds_.preemptions; }

  Bounds bounds_;
  std::vector<Digit> digits_{};
  std::size_t at_ = 0;
  std::uint32_t preemptions_ = 0, failures_ = 0;
};

// Stays with a lane for a while; each run draws how long that is on average, from one point to
// sixteen.
class Random final : public Chooser {
 public:
  explicit Random(std::uint64_t seed, std::uint32_t failures = 2)
      : engine_(seed), most_failures_(failures) {}

  void begin() override;
  Turn choose(const Crossroads& at) override;
  bool fails(const trace::Where&) override;
  bool may_fail() const override { return failures_ < most_failures_; }

 private:
  std::mt19937_64 engine_;
  std::uint32_t most_failures_, failures_ = 0;
  std::uint32_t stay_ = 1;  // Leaves a lane once in so many points.
};

// Probabilistic concurrency testing: lanes have priorities, the highest that can go does; at
// `depth` - 1 points of a run, drawn beforehand, the lane that is to go falls behind all others. A
// bug that needs `depth` ordered steps is met with a probability that has a lower bound
// (Burckhardt et al., ASPLOS 2010).
class Pct final : public Chooser {
 public:
  explicit Pct(std::uint64_t seed, std::uint32_t depth = 3, std::uint32_t failures = 1)
      : engine_(seed), most_failures_(failures), falls_(depth - 1) {}

  void begin() override;
  Turn choose(const Crossroads& at) override;
  bool fails(const trace::Where&) override;
  bool may_fail() const override { return failures_ < most_failures_; }

 private:
  std::mt19937_64 engine_;
  std::uint32_t most_failures_, failures_ = 0;
  std::array<std::uint64_t, kMostLanes> priority_{};  // All different.
  std::vector<std::uint32_t> falls_;                  // At which points.
  std::uint64_t lowest_ = 0;                          // Below all priorities in use.
  std::uint32_t points_ = 0, longest_ = 8;            // Of this run; of any run yet.
};

// A schedule recorded before, on the same trace or on an edited one.
class Replay final : public Chooser {
 public:
  explicit Replay(const std::vector<trace::Choice>& schedule);

  void begin() override;
  Turn choose(const Crossroads& at) override;
  bool fails(const trace::Where& at) override;
  bool may_fail() const override { return !failures_.empty(); }

 private:
  std::vector<trace::Where> turns_{}, failures_{};
  std::size_t turn_ = 0;
  std::uint8_t stand_in_ = kNobody;  // Goes, to its end, while the schedule names nobody who can.
};

}  // namespace check::explore
