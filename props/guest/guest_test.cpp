// SPDX-License-Identifier: MPL-2.0
// The guest in QEMU against the reference: a real page walker means by each entry what the
// reference says. Nothing is asked here that is not asked of the simulated machine too.
#include <filesystem>
#include <gtest/gtest.h>

#include "baremetal/host/guest_system.h"
#include "check/cli/input.h"
#include "props/properties.h"
#include "props/systems.h"
#include "reference/model.h"

namespace {

namespace fs = std::filesystem;
using reference::Model;

constexpr std::uint64_t kSeed = 20'000;
constexpr std::size_t kAsked = 20'000, kMostOps = 100;

bare::GuestSystem& guest() {
  static bare::GuestSystem system({.image = GUEST_IMAGE});
  return system;
}

std::string in_words(const check::Run& run) {
  if (run.agreed()) return "agreed";
  return check::what_is_wrong(*run.diverged, run.steps.back()) + ' ' + run.diverged->said;
}

TEST(Guest, SaysOfTheCorpusWhatTheSimulatedMachineSays) {
  std::size_t files = 0, asked = 0, declined = 0;
  for (const auto& entry : fs::recursive_directory_iterator(CORPUS)) {
    const std::string name = entry.path();
    const std::string kind = entry.path().extension();
    if (!entry.is_regular_file() || (kind != ".json" && kind != ".bin")) continue;
    const auto input = check::cli::load(name, check::cli::Form::by_name);
    ASSERT_TRUE(input) << name;
    const trace::Trace& trace = input->file.trace;
    if (trace.at_once) continue;
    const check::How how{.thoroughness = check::Thoroughness::thorough};
    const check::Run there = check::confirmed_run<Model>(trace, guest(), how);
    const check::Run here =
        check::confirmed_run<Model>(trace, props::lone_system(trace.machine), how);
    ASSERT_TRUE(here.agreed()) << name << ": " << in_words(here);
    ASSERT_TRUE(there.agreed()) << name << ": " << in_words(there);
    ASSERT_EQ(there.steps.size(), here.steps.size()) << name;
    for (std::size_t i = 0; i < here.steps.size(); ++i) {
      const trace::Reply& reply = there.steps[i].seen.reply;
      ++asked;
      if (reply.status == trace::Status::declined) {
        ++declined;
      } else {
        EXPECT_EQ(reply.status, here.steps[i].seen.reply.status) << name << ", call " << i;
      }
    }
    ++files;
  }
  EXPECT_GE(files, 100u);
  EXPECT_LE(declined * 100, asked) << "of " << asked << " operations";
  EXPECT_EQ(guest().boots(), 1u);
}

// All that goes alone, a like part of each property.
TEST(Guest, AgreesWithTheReference) {
  const auto boots = guest().boots();
  std::size_t alone = 0;
  for (const props::Property& one : props::properties()) alone += one.at_once ? 0 : 1;
  props::chosen_instead = &guest();
  for (const props::Property& one : props::properties()) {
    if (one.at_once) continue;
    check::Tally tally;
    for (std::uint64_t i = 0; tally.asked() < kAsked / alone; ++i) {
      trace::Trace trace = props::trace_of(one, kSeed, i, kMostOps);
      const props::Judged judged = one.judge(trace, {.tally = &tally});
      ASSERT_TRUE(judged.agreed())
          << one.name << ", case " << i << ": "
          << (judged.diverged ? check::what_is_wrong(*judged.diverged, judged.steps.back()) + ' ' +
                                    judged.diverged->said
                              : "in doubt");
    }
    EXPECT_LE(tally.declined() * 20, tally.asked()) << one.name;
  }
  props::chosen_instead = nullptr;
  EXPECT_LE(guest().boots(), boots + 1);
}

// As after every counterexample, to see whether it fails again.
TEST(Guest, IsBuiltAnewThoughItsCpusTranslate) {
  const trace::Machine shape{.pages = {16}, .loose = {1}, .cpus = {2}, .tables = {4}};
  guest().reset(shape);
  const auto boots = guest().boots();
  for (int i = 0; i < 20; ++i) {
    for (std::uint8_t lane = 0; lane < shape.cpus.count; ++lane) {
      const trace::Op activate = trace::TableActivate{{trace::Table::kFirstShared}};
      ASSERT_EQ(guest().apply(lane, activate).reply.status, trace::Status::ok);
    }
    guest().rebuild(shape);
    ASSERT_EQ(guest().last_words(), "");
  }
  EXPECT_EQ(guest().boots(), boots);
}

// So that what was asked before means nothing for what is asked next.
TEST(Guest, SaysTheSameAfterItHasBootedAgain) {
  const trace::Trace trace = props::trace_of(props::property("tables agree"), kSeed, 99, kMostOps);
  const check::How how{.thoroughness = check::Thoroughness::thorough};
  const check::Run before = check::run<Model>(trace, guest(), how);
  bare::GuestSystem another({.image = GUEST_IMAGE});
  const check::Run after = check::run<Model>(trace, another, how);
  ASSERT_TRUE(before.agreed()) << in_words(before);
  ASSERT_TRUE(after.agreed()) << in_words(after);
  ASSERT_EQ(before.steps.size(), after.steps.size());
  for (std::size_t i = 0; i < before.steps.size(); ++i) {
    EXPECT_EQ(before.steps[i].seen, after.steps[i].seen) << i;
  }
}

}  // namespace
