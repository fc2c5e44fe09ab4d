// SPDX-License-Identifier: MPL-2.0
// The matrix of a guest's CPU without a guest: stand_in.cpp answers by the simulated CPU, or fails.
#include <cstdlib>
#include <gtest/gtest.h>

#include "props/matrix/guest_cpu.h"
#include "props/matrix/matrix.h"
#include "props/matrix/touches.h"
#include "props/matrix/words.h"

namespace {

using namespace props::matrix;

class HostMatrix : public testing::Test {
 protected:
  void fail(const char* how, const char* at) {
    (void)setenv("STAND_IN", how, 1);
    (void)setenv("STAND_IN_AT", at, 1);
  }
  void TearDown() override {
    (void)unsetenv("STAND_IN");
    (void)unsetenv("STAND_IN_AT");
  }
  static bare::QemuOptions stand_in() {
    return {.image = STAND_IN, .program = STAND_IN, .seconds_to_boot = 20, .seconds_to_answer = 20};
  }
};

TEST_F(HostMatrix, IsThatOfTheCpuBehindIt) {
  bare::Qemu qemu(stand_in());
  GuestCpu cpu(qemu);
  const Findings findings = run(cpu, Breadth::alike);
  EXPECT_EQ(findings.total().cases, 73'728u);
  EXPECT_EQ(findings.total().mismatches, 0u);
  EXPECT_TRUE(findings.allowed.empty());
  Simulated simulated;
  const TouchFindings random = touch(cpu, simulated, 20'000, 7);
  EXPECT_GE(random.touches, 20'000u);
  EXPECT_EQ(random.mismatches, 0u);
  EXPECT_GT(random.went_by_old, 0u);
}

TEST_F(HostMatrix, ALieAboutOneCaseIsSeenAndTold) {
  fail("wrong", "10001");
  bare::Qemu qemu(stand_in());
  GuestCpu cpu(qemu);
  const Findings findings = run(cpu, Breadth::alike);
  EXPECT_EQ(findings.total().cases, 73'728u);
  EXPECT_EQ(findings.total().mismatches, 1u);
  ASSERT_EQ(findings.first.size(), 1u);
  EXPECT_EQ(findings.first[0].number, 10'000u);
  EXPECT_EQ(findings.first[0].one.level, 3);
}

TEST_F(HostMatrix, ALieAboutOneTouchIsSeenAndTold) {
  fail("wrong", "1001");
  bare::Qemu qemu(stand_in());
  GuestCpu cpu(qemu);
  Simulated simulated;
  const TouchFindings random = touch(cpu, simulated, 5'000, 7);
  EXPECT_EQ(random.mismatches, 1u);
  ASSERT_EQ(random.first.size(), 1u);
  EXPECT_TRUE(random.first[0].starts_with("history ")) << random.first[0];
}

TEST_F(HostMatrix, WhatWasAskedWhenTheGuestEndedIsTold) {
  fail("crash", "601");
  bare::Qemu qemu(stand_in());
  GuestCpu cpu(qemu);
  try {
    (void)run(cpu, Breadth::alike);
    FAIL() << "it has not ended";
  } catch (const GuestEnded& how) {
    const std::string said = how.what();
    const std::string asked = in_words(question_of(case_of(3, Breadth::alike, 600), cpu.room()));
    EXPECT_TRUE(said.starts_with("the guest crashed: a page fault")) << said;
    EXPECT_TRUE(said.ends_with("asked: " + asked)) << said;
  }
}

}  // namespace
