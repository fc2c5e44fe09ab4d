// SPDX-License-Identifier: MPL-2.0
// The laws of users' memory and of copied spaces are seen to refuse.
#include "props/laws/broken.h"
#include "props/laws/user_examples.h"

namespace laws {
namespace {

using reference::Model;

Model scene() { return after(kSpaces, users_prologue()); }

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  const Asked read{1, UserRead{kSpace, kZero, {0, kByte}}};
  const Asked others{0, UserRead{kSpace, kZero, {0, kByte}}};
  const Asked write{1, UserWrite{kSpace, kZero, {0, kByte}, {7}, {}}};
  const Asked faults{1, UserWrite{kSpace, virt(0, 1), {0, kByte}, {7}, {}}};
  const Asked load{1, UserLoad{kSpace, kZero}};
  const Asked within{1, UserLoad{kSpace, virt(0, 0, kByte)}};
  const Asked exchange{1, UserExchange{kSpace, kZero, {5}, {6}}};
  const Asked fork{0, SpaceFork{kSpace, t0}};
  static constexpr reference::Page kCopy = 16;
  return {
      {"POST-40", {}, read, [](Taken& t) { t.answer.reply.results[6] = 2; }},
      {"POST-40", {}, read, [](Taken& t) { t.answer.reply.results[1] = 2 * 4096; }},
      {"POST-40", {}, read, [](Taken& t) { t.answer.reply.results[0] = 0; }},
      {"POST-40", {}, read, [](Taken& t) { t.answer.reply.status = Status::access_denied; }},
      {"POST-40", {}, others, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-40", {}, write, [](Taken& t) { t.after.written.clear(); }},
      {"POST-40", {}, write, [](Taken& t) { t.after.written[1][1] = 8; }},
      {"POST-40", {}, write, [](Taken& t) { t.after.murky.insert(1); }},
      {"POST-40", {}, faults, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-40", {}, faults, [](Taken& t) { t.answer.reply.results[5] = 6; }},
      {"POST-40", {}, load, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"POST-40", {}, within, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-40", {}, exchange, [](Taken& t) { t.answer.reply.results[1] = 1; }},
      {"POST-40", {}, exchange, [](Taken& t) { t.after.written[1].assign(4096, 6); }},
      {"C.10", {}, fork, [](Taken& t) { t.answer.reply.results[4] = 0; }},
      {"C.10", {}, fork, [](Taken& t) { t.answer.reply.results[1] = 2; }},
      {"C.10", {}, fork, [](Taken& t) { t.after.slots[1].rc = 1; }},
      {"C.10",
       {},
       fork,
       [](Taken& t) { t.after.trees.at(kCopy).mappings.at(0).property = kReadWrite; }},
      {"C.10",
       {},
       fork,
       [](Taken& t) { t.after.trees.at(kSpaceRoot).mappings.at(0).property = kReadWrite; }},
      {"C.10", {}, fork, [](Taken& t) { t.after.trees.at(kCopy).active_on.insert(0); }},
  };
}

TEST(BrokenSteps, OfUsersAreRefused) {
  std::size_t which = 0;
  for (const BrokenStep& broken : broken_steps()) {
    expect_refused_among(broken, scene(), which++, [](const Model& model, const Asked& asked) {
      return model.imagine(asked.lane, asked.op);
    });
  }
}

}  // namespace
}  // namespace laws
