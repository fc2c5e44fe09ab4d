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
  const std::vector<Asked> none_left = {{0, AllocFail{{0}, {1}}}};
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
      {"POST-40", {}, load, [](Taken& t) { t.answer.reply.status = Status::panicked; }},
      {"POST-40", {}, within, [](Taken& t) { t.after.murky.insert(1); }},
      {"POST-40", {}, read, [](Taken& t) { t.answer.choices.refused = 1; }},
      {"POST-40", {}, read, [](Taken& t) { t.after.held[1].failing.times = 1; }},
      {"POST-40", {}, others, [](Taken& t) { t.after.held[1].failing.times = 1; }},
      // Of users' memory, these speak too.
      {"INV-47", {}, write, [](Taken& t) { t.answer.reply.results[4] = 0; }},
      {"INV-47", {}, faults, [](Taken& t) { t.answer.reply.results[5] = 3; }},
      {"INV-47", {}, faults, [](Taken& t) { t.answer.reply.results[4] = 0; }},
      {"INV-47", {}, load, [](Taken& t) { t.answer.reply.results[1] = 2 * 4096; }},
      {"POST-41",
       {},
       read,
       [](Taken& t) { t.after.trees.at(kSpaceRoot).mappings.at(0).property = kReadWrite; }},
      {"POST-41",
       {},
       exchange,
       [](Taken& t) {
         auto& bits = t.after.trees.at(kSpaceRoot).mappings.at(0).property.rights.bits;
         bits &= static_cast<std::uint8_t>(~unsigned{Rights::kDirty});
       }},
      {"C.10", {}, fork, [](Taken& t) { t.answer.reply.status = Status::panicked; }},
      {"C.10", {}, fork, [](Taken& t) { t.answer.reply.status = Status::aborted; }},
      {"C.10",
       {},
       fork,
       [](Taken& t) { std::swap(t.answer.choices.taken.page[1], t.answer.choices.taken.page[2]); }},
      {"C.10", {}, fork, [](Taken& t) { t.after.cpus[1].queue = {{.pages = {}, .all = true}}; }},
      {"C.10", {}, fork, [](Taken& t) { t.after.cpus[1].told_by.insert(0); }},
      {"C.10", {}, fork, [](Taken& t) { t.after.held[0].failing.times = 1; }},
      {"C.10", none_left, fork, [](Taken& t) { t.after.slots[1].rc += 1; }},
      {"C.10", none_left, fork, [](Taken& t) { t.answer.reply.results[0] = 1; }},
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

TEST(Laws, OfUsersHaveEachBeenSeenToRefuseInEachForm) {
  Refusals seen;
  for (const BrokenStep& broken : broken_steps()) seen.note(broken);
  seen.expect_all([](const reference::Law& law) { return kOfUsers.contains(law.id); });
}

TEST(BrokenSteps, OfUsersAreRefused) {
  std::size_t which = 0;
  for (const BrokenStep& broken : broken_steps()) {
    expect_refused_among(broken, scene(), which++, [](const Model& model, const Asked& asked) {
      return model.imagine(asked.lane, asked.op);
    });
  }
}

// By what CPU 1 kept of a page that it may write to, until the copy makes it forget; a CPU that is
// not known to have walked may have gone by either.
TEST(Copies, AreForgottenByWhomTheyConcern) {
  using namespace trace;
  const Op write = UserWrite{kSpace, kZero, {0, kByte}, {7}, {}};
  const Answer walks = gives({1, 4096, 0, 0, 1, 0}), keeps = gives({1, 4096, 0, 0, 0, 0});
  Model model = scene();
  ASSERT_TRUE(ask(model, {1, write}, keeps) == walks) << "It does not know the page to be dirty.";
  Model was = model;
  ASSERT_TRUE(ask(model, {1, write}, keeps) == keeps);
  EXPECT_EQ(model.broken_law(was, 1, write, keeps), nullptr);
  ask(model, {0, SpaceFork{kSpace, t0}});
  const Answer faults = tells(Status::page_fault, {0, 0, 0, 0, 1, 3});
  was = model;
  EXPECT_TRUE(ask(model, {1, write}, keeps) == faults) << "It has forgotten the page.";
  EXPECT_EQ(model.broken_law(was, 1, write, faults), nullptr);
}

// A frame whose count cannot grow. How many pages had been taken by then, nobody says.
TEST(Copies, AbortIfACountCannotGrow) {
  using namespace trace;
  std::vector<Asked> full = {{0, FrameFromUnused{at(1), {KindName::empty}, {}, f0}},
                             {0, FrameCountPreload{f0, kToTop}},
                             {0, FrameClone{f0, f1}},
                             {0, CursorOpen{kSpace, kZero, virt(0, 2), {1}}},
                             {0, CursorMapFrame{f0, kReadWrite}},
                             {0, CursorClose{}}};
  const Model was = after(kSpaces, full);
  ASSERT_EQ(was.state().slots[1].rc, reference::kMost);
  const Op fork = SpaceFork{kSpace, t0};
  Answer seen = refuses(Status::aborted, Code::count_overflow);
  for (std::uint16_t page = 16; page < 19; ++page) {
    Model model = was;
    EXPECT_TRUE(ask(model, {0, fork}, seen) == seen);
    EXPECT_EQ(model.broken_law(was, 0, fork, seen), nullptr);
    seen.choices.taken.push(page);
  }
  Model mapped = scene();
  EXPECT_FALSE(ask(mapped, {0, fork}, seen) == seen) << "There is room for more.";
}

// A CPU that may know a page by a table that is no space is not asked, until it has forgotten all.
TEST(Users, AreNotReachedByACpuThatMayKnowOthers) {
  using namespace trace;
  const Op read = UserRead{kSpace, kZero, {0, kByte}};
  auto allows = [&](std::vector<Asked> then) {
    std::vector<Asked> all = users_prologue();
    all.insert(all.end(), then.begin(), then.end());
    return after(kSpaces, all).allows(1, read);
  };
  const Asked away{1, TableActivate{kUser}}, back{1, TableActivate{kSpace}};
  const Asked control{1, CpuControl{{1}, {}, {}, {1}}}, all{1, CpuFlushAll{{1}}};
  EXPECT_TRUE(allows({}));
  EXPECT_TRUE(allows({away})) << "It is refused.";
  EXPECT_FALSE(allows({away, back}));
  EXPECT_FALSE(allows({away, back, {1, CpuFlushAll{{0}}}}));
  EXPECT_FALSE(allows({away, back, {1, CpuFlushPage{kZero}}}));
  EXPECT_FALSE(allows({away, all, back})) << "It forgot too early.";
  EXPECT_FALSE(allows({away, control, back}));
  EXPECT_TRUE(allows({away, back, all}));
  EXPECT_TRUE(allows({away, back, control}));
  EXPECT_TRUE(allows({{1, TableActivate{kKernel}}, back})) << "That has no users.";
  Model at_once = scene();
  at_once.go_at_once();
  EXPECT_FALSE(at_once.allows(1, read));
}

// Of I/O memory nothing is known: what was seen is believed. A program's pages go on as before.
TEST(Users, OfDevicesAreBelieved) {
  using namespace trace;
  constexpr std::uint64_t kDevice = (std::uint64_t{1} << 32) + 7 * 4096;
  Model model = scene();
  for (const Asked& asked :
       {Asked{0, CursorOpen{kSpace, virt(0, 1), virt(0, 2), {1}}},
        Asked{0, CursorMapRaw{{2, 7}, {1}, kReadWrite}}, Asked{0, CursorClose{}}}) {
    ASSERT_EQ(ask(model, asked).reply.status, Status::ok);
  }
  auto is_right = [&](const Op& op, const Answer& seen) {
    const Model was = model;
    EXPECT_TRUE(ask(model, {1, op}, seen) == seen) << op.index();
    EXPECT_EQ(model.broken_law(was, 1, op, seen), nullptr) << op.index();
    EXPECT_TRUE(model.state().murky == was.state().murky);
  };
  const VirtPlace there = virt(0, 1);
  is_right(UserRead{kSpace, there, {0, kByte}}, gives({1, kDevice, 0, 0, 1, 0, 99}));
  is_right(UserLoad{kSpace, there}, gives({0x1234, kDevice, 0, 0}));
  is_right(UserExchange{kSpace, there, {5}, {6}}, gives({5, 1, kDevice, 1, 0}));
  is_right(UserExchange{kSpace, there, {5}, {6}}, gives({5, 0, kDevice, 0, 0}));
  is_right(UserWrite{kSpace, there, {0, kByte}, {7}, {}}, gives({1, kDevice, 0, 0, 0, 0}));
  is_right(UserRead{kSpace, kZero, {1, kByte}}, gives({4097, 4096, kDevice, 0, 1, 0, 4096}));
}

}  // namespace
}  // namespace laws
