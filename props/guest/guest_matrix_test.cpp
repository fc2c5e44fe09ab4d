// SPDX-License-Identifier: MPL-2.0
// A CPU that nobody here wrote does what the reference says of rights, and so does the simulated
// one; of what QEMU does otherwise all is named, and all that is named is seen.
#include <gtest/gtest.h>

#include "baremetal/host/guest_system.h"
#include "props/matrix/guest_cpu.h"
#include "props/matrix/matrix.h"
#include "props/matrix/touches.h"
#include "props/matrix/words.h"
#include "props/properties.h"
#include "reference/model.h"

namespace {

using namespace props::matrix;

constexpr std::uint64_t kTouches = 20'000, kSeed = 1;

TEST(GuestMatrix, TheCpuDoesWhatTheReferenceSays) {
  bare::Qemu qemu({.image = GUEST_IMAGE});
  GuestCpu cpu(qemu);
  const Findings findings = run(cpu, Breadth::rights);
  EXPECT_EQ(findings.total().cases, 1'794'048u);
  EXPECT_EQ(findings.total().mismatches, 0u);
  for (const Mismatch& mismatch : findings.first) ADD_FAILURE() << in_words(mismatch);
  for (const char* name : {"present_of_reserved", "early_accessed"}) {
    EXPECT_TRUE(findings.allowed.contains(name)) << name;
  }
  Simulated simulated;
  const Findings of_simulated = run(simulated, Breadth::rights);
  EXPECT_EQ(of_simulated.total().mismatches, 0u);
}

TEST(GuestMatrix, RandomTouchesComeToWhatIsPermitted) {
  bare::Qemu qemu({.image = GUEST_IMAGE});
  GuestCpu cpu(qemu);
  Simulated simulated;
  const TouchFindings of_guest = touch(cpu, simulated, kTouches, kSeed);
  const TouchFindings of_simulated = touch(simulated, simulated, kTouches, kSeed);
  for (const TouchFindings& one : {of_guest, of_simulated}) {
    EXPECT_GE(one.touches, kTouches);
    EXPECT_EQ(one.mismatches, 0u);
    for (const std::string& mismatch : one.first) ADD_FAILURE() << mismatch;
    EXPECT_GT(one.went_by_old, kTouches / 100);
  }
  EXPECT_TRUE(of_guest.allowed.contains("fault_keeps"));
  EXPECT_TRUE(of_simulated.allowed.empty());
}

// mm in the guest, whose CPU is probed between operations.
class Probed : public bare::GuestSystem {
 public:
  Probed() : GuestSystem({.image = GUEST_IMAGE}) {}

  trace::Answer apply(std::uint8_t lane, const trace::Op& op) override {
    const trace::Answer answer = GuestSystem::apply(lane, op);
    if (++operations_ % 8 != 0 || !qemu()->ending().empty()) return answer;
    GuestCpu cpu(*qemu());
    mismatches += touch(cpu, simulated_, 50, operations_).mismatches;
    return answer;
  }

  std::uint64_t mismatches = 0;

 private:
  Simulated simulated_;
  std::uint64_t operations_ = 0;
};

TEST(GuestMatrix, NoOperationNoticesThatTheCpuWasProbed) {
  Probed guest;
  for (const char* const name : {"tables agree", "spaces agree"}) {
    const props::Property& property = props::property(name);
    for (std::uint64_t i = 0; i < 20; ++i) {
      const trace::Trace trace = props::trace_of(property, kSeed, i, 100);
      const check::Run run = check::run<reference::Model>(trace, guest);
      ASSERT_TRUE(run.agreed()) << name << ", case " << i << ": "
                                << check::what_is_wrong(*run.diverged, run.steps.back());
    }
  }
  EXPECT_EQ(guest.mismatches, 0u);
}

}  // namespace
