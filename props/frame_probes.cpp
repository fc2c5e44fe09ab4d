// SPDX-License-Identifier: MPL-2.0
// Laws of frames, asked of the system alone.
#include "props/probe.h"
#include "props/probes.h"

namespace props {

namespace {

using namespace trace;

// POST-6: making a handle raw and taking it back is nothing: same page, same count, same metadata.
struct RoundTrip {
  static constexpr const char* kName = "POST-6";

  Wrong before(const Probe& probe) {
    const auto* into = std::get_if<FrameIntoRaw>(&probe.call.op);
    if (into == nullptr) return std::nullopt;
    auto unless = [&](const Op& op, const Answer& expected) {
      return unless_answered(probe.system, {probe.call.lane, op}, probe.lane, expected);
    };
    const std::array<Op, 3> looks = {FrameCount{into->from}, FrameReadMeta{into->from},
                                     FrameUsage{into->from}};
    std::array<Answer, 3> was;
    for (std::size_t i = 0; i < looks.size(); ++i)
      was[i] = probe.system.apply(probe.lane, looks[i]);
    const Answer gone = probe.system.apply(probe.lane, *into);
    if (Wrong wrong = unless(FrameFromRaw{into->to, into->from}, gone)) return wrong;
    for (std::size_t i = 0; i < looks.size(); ++i) {
      if (Wrong wrong = unless(looks[i], was[i])) return wrong;
    }
    return std::nullopt;
  }

  Wrong after(const Probe&, const check::Step&) { return std::nullopt; }
};

// What reading metadata of a kind, made with a value, must give.
Answer reading(Kind kind, std::uint64_t value) {
  Answer answer;
  answer.reply.results[0] = static_cast<std::uint64_t>(kind.name);
  for (std::size_t i = 0; i < words_of(kind.name); ++i) answer.reply.results[1 + i] = value + i;
  return answer;
}

// A typed handle reads its kind; made dynamic it is refused as every other kind, and taken as its
// own.
Wrong unless_is_of(check::AnySystem& system, Cpu cpu, std::uint8_t lane, Frame frame, Kind kind,
                   std::uint64_t value) {
  const Answer yes{}, no{{.status = Status::wrong_kind}, {}};
  auto look = [&](const Op& op, const Answer& expected) {
    return unless_answered(system, {cpu, op}, lane, expected);
  };
  if (Wrong wrong = look(FrameReadMeta{frame}, reading(kind, value))) return wrong;
  if (Wrong wrong = look(FrameToDyn{frame}, yes)) return wrong;
  for (std::uint8_t i = 0; i < Kind::kCount; ++i) {
    const Kind other{static_cast<KindName>(i)};
    if (other == kind) continue;
    if (Wrong wrong = look(FrameTryFrom{frame, other}, no)) return wrong;
  }
  if (Wrong wrong = look(FrameReadMeta{frame}, reading(kind, value))) return wrong;
  return look(FrameTryFrom{frame, kind}, yes);
}

// INV-7, and the laws of Repr: what was written as a kind reads back as that kind.
struct ReadBack {
  static constexpr const char* kName = "INV-7";

  Wrong before(const Probe&) { return std::nullopt; }

  Wrong after(const Probe& probe, const check::Step& step) {
    if (step.seen.reply.status != Status::ok) return std::nullopt;
    return std::visit(
        [&]<class T>(const T& op) -> Wrong {
          if constexpr (std::is_same_v<T, FrameFromUnused> || std::is_same_v<T, AllocFrame>) {
            return unless_is_of(probe.system, probe.call.lane, probe.lane, op.to, op.kind,
                                op.value.value());
          } else if constexpr (std::is_same_v<T, UniqueFromUnused>) {
            return unless_answered(probe.system, {probe.call.lane, UniqueReadMeta{op.to}},
                                   probe.lane, reading(op.kind, op.value.value()));
          } else if constexpr (std::is_same_v<T, UniqueRepurpose>) {
            return unless_answered(probe.system, {probe.call.lane, UniqueReadMeta{op.from}},
                                   probe.lane, reading(op.kind, op.value.value()));
          }
          return std::nullopt;
        },
        probe.call.op);
  }
};

}  // namespace

Judged round_trip(Trace& trace, check::How how) { return probed<RoundTrip>(trace, how); }
Judged read_back(Trace& trace, check::How how) { return probed<ReadBack>(trace, how); }

}  // namespace props
