// SPDX-License-Identifier: MPL-2.0
// Operations made one after another, with the model alongside: registers that must be occupied are
// drawn from the occupied ones, empty ones from the empty, and what the model would pass over is
// mostly drawn again. Properties and fuzzers share it, so it knows of neither.
#pragma once

#include <optional>

#include "props/gen/scene.h"
#include "reference/model.h"

namespace props {

class Author {
 public:
  Author(const trace::Machine& machine, const Taste& taste, Dice& dice)
      : machine_(machine), taste_(taste), dice_(dice), model_(machine) {}

  // Draws a call, and asks it of the model. None if a few tries found nothing that is allowed: what
  // the trace likes cannot be asked any more.
  std::optional<trace::Call> next();

  // Asks a call of the model that was not drawn here.
  void ask(const trace::Call& call);

  // It would map very many pages, which takes as long as hundreds of others.
  bool takes_long(const trace::Call& call) const;
  // From now on no such call is drawn.
  void be_brief() { is_brief_ = true; }

  // From now on it likes something else.
  void change(const Taste& taste) { taste_ = taste; }

  // From now on calls are drawn for one lane, and no scenes are played.
  void stay_on(std::uint8_t lane) {
    lane_.index = lane;
    stays_ = true;
    acts_ = {};
  }

  bool is_over() const { return is_over_; }      // A call has aborted: nothing after it is asked.
  bool has_asked() const { return has_asked_; }  // The last call was not passed over.

 private:
  static constexpr int kTries = 4;           // Of one kind of operation,
  static constexpr int kKinds = 16;          // and of kinds.
  static constexpr int kBetweenScenes = 24;  // Calls, on average.
  static constexpr int kMostEntries = 256;   // That are soon mapped.

  // What an allocator is likely to choose: pages in a row are part of a naturally aligned block, or
  // refused.
  trace::Answer imagined(std::uint8_t lane, const trace::Op& op) const;

  std::optional<trace::Op> drawn_op();

  // Anything at all, so that passing over is tried too.
  trace::Op any_op();

  // An operation of this place in the list that the model allows; none if a few tries found none.
  std::optional<trace::Op> drawn(std::size_t index);

  // The next of the scene, if one is played; now and then one begins.
  std::optional<trace::Op> played_op();

  void begin_act(Scene acts);
  void go_to_lane(unsigned lane);  // Modulo the number of CPUs.

  trace::Machine machine_;
  Taste taste_;
  Dice& dice_;
  reference::Model model_;
  trace::Cpu lane_{};
  bool stays_ = false;
  bool is_brief_ = false;
  bool is_over_ = false;
  bool has_asked_ = false;
  bool is_refused_ = false;  // The last call, for want of memory.

  Scene acts_{};                          // Of the scene that is played, those that are left;
  std::uint32_t rounds_ = 0, round_ = 0;  // of the first, how many rounds, and where it stands.
  std::uint32_t turn_ = 0;
};

}  // namespace props
