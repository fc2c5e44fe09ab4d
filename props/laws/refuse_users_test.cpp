// SPDX-License-Identifier: MPL-2.0
// The laws of users' memory and of copied spaces are seen to refuse.
#include "props/laws/broken.h"
#include "props/laws/user_examples.h"

namespace laws {
namespace {

using reference::Model;

// As in the examples; CPU 1 translates by the space, too.
Model scene() {
  return after(kSpaces, with(mapped_for_users(), {{1, trace::TableActivate{kSpace}}}));
}

void write_elsewhere(Taken& taken) { taken.after.written[30] = std::vector<std::uint8_t>(4096, 1); }

std::vector<BrokenStep> broken_steps() {
  using namespace trace;
  const Asked read{0, UserRead{kSpace, kZero, extent(1)}};
  const Asked over{0, UserRead{kSpace, virt(0, 1), extent(2)}};
  const Asked write{0, UserWrite{kSpace, kZero, extent(0, 8), {5}, {}}};
  const Asked zeros{0, UserWrite{kSpace, kZero, extent(0, 8), {5}, {1}}};
  const Asked denied{2, UserRead{kSpace, kZero, extent(1)}};
  const Asked load{0, UserLoad{kSpace, kZero}};
  const Asked exchange{0, UserExchange{kSpace, kZero, {0}, {7}}};
  const Asked within{0, UserLoad{kSpace, virt(0, 0, kByte)}};
  const Asked fork{0, SpaceFork{kSpace, t0}};
  const std::vector<Asked> zeroed = {zeros};
  const std::vector<Asked> late = {{0, AllocFail{{2}, {1}}}};
  return {
      {"POST-40", {}, read, [](Taken& t) { t.answer.reply.results[0] -= 1; }},
      {"POST-40", zeroed, read, [](Taken& t) { t.answer.reply.results[6] += 1; }},
      {"POST-40", {}, read, [](Taken& t) { t.answer.reply.results[2] = 4096; }},
      {"POST-40", {}, read, write_elsewhere},
      {"POST-40", {}, read, [](Taken& t) { t.answer = refuses(Status::access_denied); }},
      {"POST-40", {}, over, [](Taken& t) { t.answer.reply.results[0] = 4095; }},
      {"POST-40", {}, over, [](Taken& t) { t.answer.reply.results[4] |= 4; }},
      {"POST-40", {}, denied, [](Taken& t) { t.answer.reply.status = Status::ok; }},
      {"POST-40", {}, denied, write_elsewhere},
      {"POST-40", {}, write, [](Taken& t) { t.after.written[0][7] += 1; }},
      {"POST-40", {}, write, [](Taken& t) { t.after.written = t.before.written; }},
      {"POST-40", {}, zeros, [](Taken& t) { t.after.written[0][8] += 1; }},
      {"POST-40", {}, zeros, [](Taken& t) { t.after.murky.insert(0); }},
      {"POST-40", {}, load, [](Taken& t) { t.answer = refuses(Status::access_denied); }},
      {"B.9", zeroed, load, [](Taken& t) { t.answer.reply.results[0] = 1; }},
      {"B.9", zeroed, load, write_elsewhere},
      {"B.9", {}, within, [](Taken& t) { t.answer.reply.code = Code::beyond_end; }},
      {"B.9", zeroed, exchange, [](Taken& t) { t.answer.reply.results[1] = 0; }},
      {"B.9", zeroed, exchange, [](Taken& t) { t.after.written = t.before.written; }},
      {"INV-47", {}, read, [](Taken& t) { t.answer.reply.results[1] = 4096; }},
      {"INV-47", {}, over, [](Taken& t) { t.answer.reply.results[5] = 1; }},
      {"POST-41", {}, read, [](Taken& t) { t.after.trees = t.before.trees; }},
      {"POST-41", {}, write, [](Taken& t) { t.after.trees = t.before.trees; }},

      {"C.10", {}, fork, [](Taken& t) { t.answer.reply.results[1] += 1; }},
      {"C.10", {}, fork, [](Taken& t) { t.answer.reply.results[3] = 0; }},
      {"C.10", {}, fork, [](Taken& t) { t.answer.reply.results[4] = 0; }},
      {"C.10", {}, fork, [](Taken& t) { t.after.slots[0].rc -= 1; }},
      {"C.10", {}, fork, [](Taken& t) { t.after.held[0].tables[0].reset(); }},
      {"C.10",
       {},
       fork,
       [](Taken& t) {
         t.after.trees.at(kSpaceRoot).mappings = t.before.trees.at(kSpaceRoot).mappings;
       }},
      {"C.10",
       {},
       fork,
       [](Taken& t) {
         t.after.trees.at(16).mappings.at(0).property.rights.bits |= Rights::kWritable;
       }},
      {"C.10", {}, fork, [](Taken& t) { t.after.trees.at(16).mappings.erase(1); }},
      {"C.10", {}, fork, [](Taken& t) { t.after.trees.at(16).active_on.insert(0); }},
      {"C.10",
       {},
       fork,
       [](Taken& t) { t.after.cpus[1].queue.push_back({.pages = {}, .all = true}); }},
      {"C.10",
       {},
       fork,
       [](Taken& t) { std::swap(t.answer.choices.taken.page[1], t.answer.choices.taken.page[2]); }},
      {"C.10", late, fork, [](Taken& t) { t.after.free.erase(16); }},
      {"C.10", late, fork,
       [](Taken& t) {
         t.after.held[0].tables[0] = {16, {}};
       }},
      {"C.10",
       {},
       fork,
       [](Taken& t) {
         t.after.cpus[1].kept.insert({.begin = 0, .to = 0, .writable = true, .user = true});
       }},
      {"INV-48", {}, fork, [](Taken& t) { t.after.cpus[1].kept.insert({.begin = 9, .to = 3}); }},
      {"PRE-10", {}, fork, [](Taken& t) { t.answer.choices.taken.page[0] = 17; }},
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

TEST(Laws, OfUsersHaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfUsers.contains(law.id); });
}

}  // namespace
}  // namespace laws
