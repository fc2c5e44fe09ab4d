// SPDX-License-Identifier: MPL-2.0
#include "props/gen/make.h"

#include "props/gen/author.h"

namespace props {

trace::Trace any_trace(Dice dice, const Subject& subject, std::size_t most_ops) {
  trace::Trace trace{.machine = any_machine(dice, subject.shape)};
  const Taste taste = any_taste(dice, trace.machine, subject);
  const std::size_t most = std::min(most_ops, subject.most_ops);
  const std::size_t ops = dice.between(std::min<std::size_t>(1, most), most);
  trace.calls.reserve(ops);
  Author author(trace.machine, taste, dice);
  for (std::size_t i = 0; i < 2 * ops && trace.calls.size() < ops && !author.is_over(); ++i) {
    if (const std::optional<trace::Call> call = author.next()) {
      trace.calls.push_back(*call);
    } else {
      author.change(any_taste(dice, trace.machine, subject));
    }
  }
  return trace;
}

trace::Trace any_at_once(Dice dice, const Subject& subject, std::size_t most_ops) {
  trace::Trace trace{.at_once = true};
  trace.machine.pages.raw = static_cast<std::uint16_t>(dice.between(2, 4));
  trace.machine.loose.raw = static_cast<std::uint16_t>(
      dice.one_in(2) ? 1 : dice.between(1, trace.machine.pages.raw - 1u));
  const std::uint32_t lanes = dice.one_in(8) ? 3 : 2;
  trace.machine.cpus.count = static_cast<std::uint8_t>(lanes);

  Taste taste = any_taste(dice, trace.machine, subject);
  taste.pages = 1;
  taste.scenes = {};
  taste.stays = 2;
  // There is next to nothing to make, but much to meet over.
  constexpr std::size_t kMake = trace::kIndexOf<trace::FrameFromUnused>;
  taste.weigh(kMake, std::min(taste.weights[kMake], 8u));
  Author author(trace.machine, taste, dice);
  const std::size_t before = dice.below(std::min<std::size_t>(most_ops, 6) + 1);
  const std::size_t ops = std::min<std::size_t>(most_ops, lanes == 3 ? 6 : dice.between(2, 8));
  for (std::size_t i = 0; i < before + ops && !author.is_over(); ++i) {
    if (i >= before) author.stay_on(static_cast<std::uint8_t>(dice.below(lanes)));
    const std::optional<trace::Call> call = author.next();
    if (!call) continue;
    trace.calls.push_back(*call);
    if (i < before) ++trace.prologue;
  }
  return trace;
}

}  // namespace props
