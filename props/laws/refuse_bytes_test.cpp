// SPDX-License-Identifier: MPL-2.0
// The law of bytes is seen to refuse.
#include "props/laws/broken.h"
#include "props/laws/example.h"

namespace laws {
namespace {

using reference::Knows;
using reference::Model;

// Five pages, four of them loose. Lane 0 has 0 (f0) and 1 (f1), which counts up from 1, and the
// segment of 2 and 3 (s0), all untyped.
Model scene() {
  constexpr trace::Machine kMachine{.pages = {5}, .loose = {4}, .cpus = {2}};
  return after(kMachine, {{0, trace::FrameFromUnused{at(0), {KindName::empty}, {}, f0}},
                          {0, trace::FrameToUntyped{f0}},
                          {0, trace::FrameFromUnused{at(1), {KindName::link_empty}, {}, f1}},
                          {0, trace::FrameToUntyped{f1}},
                          {0, trace::BytesWrite{f1, extent(0), extent(1), {1}}},
                          {0, trace::SegmentFromUnused{at(2), at(4), {KindName::empty}, {}, s0}},
                          {0, trace::SegmentToUntyped{s0}}});
}

constexpr trace::Extent kAll = extent(1);

void beyond_end(Taken& t) {
  t.answer = refuses(Status::panicked, trace::Code::beyond_end);
  t.after = t.before;
}
void misaligned(Taken& t) {
  t.answer = refuses(Status::panicked, trace::Code::misaligned);
  t.after = t.before;
}
void too_few(Taken& t) {
  t.answer = refuses(Status::invalid_args);
  t.after = t.before;
}
void change(reference::State& state, reference::Page page, std::size_t at) {
  const std::vector<std::uint8_t> first(4096, static_cast<std::uint8_t>(page));
  state.written.try_emplace(page, first).first->second[at] ^= 1;
}

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  const Asked write{0, BytesWrite{f0, extent(0, 8), extent(0, 63), {7}}};
  const Asked read{0, BytesRead{f1, extent(0, 1), extent(0, 63)}};
  const Asked copy{0, BytesCopy{f1, f0, extent(0, 8), extent(0, 2048), extent(0, 63)}};
  const Asked read_val{0, BytesReadVal{f1, extent(0, 1), extent(0, 8), {1}}};
  const Asked write_val{0, BytesWriteVal{f0, extent(0, 1), extent(0, 8), {2}, {0x1234}}};
  const Asked read_once{0, BytesReadOnce{f1, extent(0, 8), kAll, {3}}};
  const Asked write_once{0, BytesWriteOnce{f0, extent(0, 8), kAll, {1}, {0x1234}}};
  const Asked fill{0, BytesFill{f0, extent(0, 8), kAll, {1}, {0x1234}}};
  const Asked zeros{0, BytesFillZeros{f1, extent(0, 1), kAll, extent(0, 63)}};
  const Asked write_all{0, BytesSegmentWrite{s0, extent(0, 4095), extent(0, 8), {9}}};
  const Asked read_all{0, BytesSegmentRead{s0, extent(0, 4095), extent(0, 8)}};
  return {
      {"B.9", {}, write, [](Taken& t) { t.answer.reply.results[0] = 62; }},
      {"B.9", {}, write, [](Taken& t) { t.answer.reply.results[1] += 1; }},
      {"B.9", {}, write, [](Taken& t) { change(t.after, 0, 8); }},
      {"B.9", {}, write, [](Taken& t) { change(t.after, 0, 7); }},   // Just before,
      {"B.9", {}, write, [](Taken& t) { change(t.after, 0, 71); }},  // and just behind.
      {"B.9", {}, write, [](Taken& t) { change(t.after, 2, 0); }},
      {"B.9", {}, write, [](Taken& t) { t.after.slots[0].rc = 2; }},
      {"B.9", {}, write, [](Taken& t) { t.before.held[0].frames[0]->knows = Knows::nothing; }},
      {"B.9", {}, write, [](Taken& t) { t.after.written.clear(); }},
      {"B.9", {}, write, beyond_end},
      {"B.9",
       {},
       {0, BytesWrite{f0, extent(1, 1), extent(0), {7}}},
       [](Taken& t) { t.answer = gives(); }},

      {"B.9", {}, read, [](Taken& t) { t.answer.reply.results[0] = 64; }},
      {"B.9", {}, read, [](Taken& t) { t.answer.reply.results[1] -= 1; }},
      {"B.9", {}, read, [](Taken& t) { t.answer.reply.results[2] += 1; }},
      {"B.9", {}, read, [](Taken& t) { t.answer.reply.results[3] = 0x0807060504030201; }},
      {"B.9", {}, read, [](Taken& t) { t.answer.reply.results[4] <<= 8; }},
      {"B.9", {}, read, [](Taken& t) { change(t.after, 1, 1); }},

      {"B.9", {}, copy, [](Taken& t) { t.answer.reply.results[1] = 1; }},
      {"B.9", {}, copy, [](Taken& t) { t.answer.reply.results[2] -= 1; }},
      {"B.9", {}, copy, [](Taken& t) { change(t.after, 0, 2048 + 62); }},
      {"B.9", {}, copy, [](Taken& t) { change(t.after, 0, 2048 + 63); }},
      {"B.9", {}, copy, [](Taken& t) { change(t.after, 1, 8); }},
      {"B.9",  // A copy byte by byte, each after the one before.
       {},
       {0, BytesCopy{f1, f1, extent(0), extent(0, 1), kAll}},
       [](Taken& t) { t.after.written[1].assign(4096, 1); }},

      {"B.9", {}, read_val, [](Taken& t) { t.answer.reply.results[0] = 0x0203; }},
      {"B.9", {}, read_val, [](Taken& t) { t.answer.reply.results[1] = 7; }},
      {"B.9", {}, read_val, misaligned},
      {"B.9",
       {},
       {0, BytesReadVal{f1, extent(0), extent(0, 1), {1}}},
       [](Taken& t) { t.answer = gives({1, 0}); }},
      {"B.9", {}, write_val, [](Taken& t) { t.answer.reply.results[0] = 8; }},
      {"B.9",
       {},
       write_val,
       [](Taken& t) { std::swap(t.after.written[0][1], t.after.written[0][2]); }},
      {"B.9", {}, write_val, too_few},
      {"B.9", {}, read_once, misaligned},
      {"B.9", {}, read_once, [](Taken& t) { t.answer.reply.results[0] += 1; }},
      {"B.9",
       {},
       {0, BytesReadOnce{f1, extent(0, 63), kAll, {1}}},
       [](Taken& t) { t.answer = gives({0x4140, 4031}); }},
      {"B.9", {}, {0, BytesReadOnce{f1, extent(0, 4095), kAll, {1}}}, misaligned},
      {"B.9", {}, write_once, [](Taken& t) { change(t.after, 0, 10); }},
      {"B.9", {}, write_once, too_few},

      {"B.9", {}, fill, [](Taken& t) { t.answer.reply.results[0] += 1; }},
      {"B.9", {}, fill, [](Taken& t) { change(t.after, 0, 4095); }},
      {"B.9", {}, fill, [](Taken& t) { change(t.after, 0, 0); }},
      {"B.9",
       {},
       {0, BytesFill{f0, extent(0), extent(0, 63), {1}, {}}},
       [](Taken& t) { t.answer = gives({31, 1}); }},
      {"B.9", {}, zeros, [](Taken& t) { t.answer.reply.results[0] = 64; }},
      {"B.9", {}, zeros, [](Taken& t) { change(t.after, 1, 63); }},
      {"B.9", {}, zeros, [](Taken& t) { change(t.after, 1, 64); }},

      {"B.9", {}, write_all, [](Taken& t) { change(t.after, 3, 6); }},
      {"B.9", {}, write_all, [](Taken& t) { change(t.after, 3, 7); }},
      {"B.9", {}, write_all, [](Taken& t) { t.answer.reply.results[1] = 0; }},
      {"B.9", {}, read_all, [](Taken& t) { t.answer.reply.results[2] -= 1; }},
      {"B.9", {}, read_all, [](Taken& t) { change(t.after, 2, 0); }},
  };
}

TEST(BrokenSteps, OfBytesAreRefused) { expect_all_refused(broken_steps(), scene()); }

TEST(Laws, OfBytesHaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfBytes.contains(law.id); });
}

}  // namespace
}  // namespace laws
