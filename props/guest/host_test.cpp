// SPDX-License-Identifier: MPL-2.0
// The host side without a guest: stand_in.cpp is what it takes for QEMU.
#include <array>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <span>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "baremetal/host/guest_system.h"
#include "check/shrink.h"
#include "props/properties.h"
#include "props/systems.h"
#include "reference/model.h"

namespace {

using bare::GuestSystem;
using bare::NoGuest;
using bare::Qemu;
using bare::QemuOptions;
using reference::Model;

QemuOptions stand_in() {
  // The image only has to be there.
  return {.image = STAND_IN, .program = STAND_IN, .seconds_to_boot = 20, .seconds_to_answer = 20};
}

class Host : public testing::Test {
 protected:
  void fail(const char* how, const char* at = "1") {
    (void)setenv("STAND_IN", how, 1);
    (void)setenv("STAND_IN_AT", at, 1);
  }
  void TearDown() override {
    (void)unsetenv("STAND_IN");
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a process is left";
  }
};

trace::Trace some_trace(std::uint64_t number, std::size_t most_ops = 100) {
  return props::trace_of(props::property("everything agrees"), 7, number, most_ops);
}

// What it says when there is no guest.
std::string refusal(const QemuOptions& options) {
  try {
    Qemu qemu(options);
  } catch (const NoGuest& why) {
    return why.what();
  }
  return "";
}

bool says(const std::string& text, const char* what) { return text.find(what) != text.npos; }

TEST_F(Host, AnswersAsTheSystemDoesThatIsBehindIt) {
  GuestSystem guest(stand_in());
  for (const char* name : {"everything agrees", "tables agree", "spaces agree", "alloc agrees"}) {
    for (std::uint64_t i = 0; i < 30; ++i) {
      const trace::Trace trace = props::trace_of(props::property(name), 7, i, 100);
      const check::Run run = check::run<Model>(
          trace, guest,
          {.thoroughness = i % 3 == 0 ? check::Thoroughness::thorough : check::Thoroughness::fast});
      ASSERT_TRUE(run.agreed()) << check::what_is_wrong(*run.diverged, run.steps.back())
                                << guest.last_words();
    }
  }
  EXPECT_EQ(guest.boots(), 1u);
}

TEST_F(Host, IsWokenWhereItSleeps) {
  fail("sleep");
  GuestSystem guest(stand_in());
  for (std::uint64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(check::run<Model>(some_trace(i), guest).agreed()) << guest.last_words();
    usleep(20'000);
  }
}

TEST_F(Host, AWrongAnswerIsSeenAndTheGuestGoesOn) {
  fail("wrong", "5");
  GuestSystem guest(stand_in());
  for (std::uint64_t i = 95; i < 99; ++i) {
    const check::Run run = check::run<Model>(some_trace(i), guest);
    ASSERT_FALSE(run.agreed());
    EXPECT_EQ(run.diverged->step, 4u);
    EXPECT_EQ(run.diverged->oracle, check::Oracle::answer);
    EXPECT_EQ(run.diverged->said, "");
  }
  EXPECT_EQ(guest.boots(), 1u);
}

// The operation during which it ended is a counterexample, with its last words; so it is on a guest
// that has just booted; and the shortest trace that shows it has as many operations as it takes.
void expect_counterexample(const char* words) {
  GuestSystem guest(stand_in());
  const trace::Trace trace = some_trace(99);
  const check::Run run = check::confirmed_run<Model>(trace, guest);
  ASSERT_FALSE(run.agreed());
  EXPECT_FALSE(run.unconfirmed);
  EXPECT_EQ(run.diverged->oracle, check::Oracle::answer);
  EXPECT_EQ(run.diverged->step, 4u);
  EXPECT_TRUE(says(run.diverged->said, words)) << run.diverged->said;
  EXPECT_EQ(run.steps.back().seen.reply.status, trace::Status::aborted);
  const check::Shrunk shrunk = check::shrink(
      trace, [&](trace::Trace& one) { return !check::run<Model>(one, guest).agreed(); }, {},
      std::size_t{4});
  EXPECT_EQ(shrunk.trace.calls.size(), 5u);
}

TEST_F(Host, ACrashIsACounterexample) {
  fail("crash", "5");
  expect_counterexample("the guest crashed: a page fault (vector 14, error 0x2, CR2 0x1234, RIP");
}

TEST_F(Host, AGuestThatResetsItselfIsACounterexample) {
  fail("exit", "5");
  expect_counterexample("the machine was reset, as by a triple fault; the last it said: stand-in:");
}

TEST_F(Host, AHangIsACounterexample) {
  fail("hang", "5");
  QemuOptions options = stand_in();
  options.seconds_to_answer = 1;
  GuestSystem guest(options);
  const check::Run run = check::confirmed_run<Model>(some_trace(99), guest);
  ASSERT_FALSE(run.agreed());
  EXPECT_TRUE(says(run.diverged->said, "has not answered for 1 seconds")) << run.diverged->said;
}

TEST_F(Host, WhyThereIsNoGuestIsOneSentence) {
  QemuOptions options = stand_in();
  options.program = "no-such-qemu";
  EXPECT_EQ(refusal(options),
            "no-such-qemu cannot be run: No such file or directory (on Debian: apt-get install "
            "qemu-system-x86)");
  options = stand_in();
  options.image = "/no/such/image";
  EXPECT_EQ(refusal(options), "there is no guest image /no/such/image: No such file or directory");
  options = stand_in();
  options.program = "/bin/false";
  EXPECT_EQ(refusal(options), "the guest did not boot: QEMU has ended with status 1");
  fail("old");
  EXPECT_EQ(refusal(stand_in()),
            std::string(STAND_IN) + " is of version 4, and 6 or later is needed");
  fail("other");
  EXPECT_EQ(refusal(stand_in()),
            std::string(STAND_IN) + " is of another build than this program; build both anew");
  fail("early");
  EXPECT_TRUE(says(refusal(stand_in()), "the guest crashed while it booted: a page fault"));
  fail("silent");
  options = stand_in();
  options.seconds_to_boot = 1;
  EXPECT_EQ(refusal(options),
            "the guest was not ready after 1 seconds; the last it said: stand-in: hello");
}

// Four tables from address 0 on, of which the second entry of each leads to the next; and pages.
TEST(HostWalk, FindsWhatAllEntriesAllow) {
  constexpr std::uint64_t kAll = 7, kNoUser = 3, kReadOnly = 5, kPage = 1 << 7;
  constexpr std::uint64_t kNx = std::uint64_t{1} << 63;
  std::array<std::uint64_t, 4 * 512> words{};
  auto put = [&](std::size_t level, std::size_t index, std::uint64_t entry) {
    words[(4 - level) * 512 + index] = entry;
  };
  put(4, 1, 0x1000 | kAll);
  put(3, 1, 0x2000 | kAll);
  put(2, 1, 0x3000 | kAll);
  put(4, 511, 0x1000 | kNoUser);
  put(3, 2, 0x4000'1000 | kAll | kPage | kNx);  // Bit 12 is of the cache.
  put(2, 0, 0x20'0000 | kReadOnly | kPage);
  put(2, 2, kPage | 6);  // Not present, whatever it is to others.
  put(1, 3, 0x5000 | kAll | kPage);
  put(1, 4, 0x6000 | 6);
  const std::uint64_t lower = (std::uint64_t{1} << 39) + (std::uint64_t{1} << 30);
  const std::uint64_t upper = std::uint64_t{0} - (std::uint64_t{1} << 39);
  const auto ram = std::as_bytes(std::span(words));
  const bare::Tree all{0, 4, 0, ~std::uint64_t{0}};
  using Found = std::vector<bare::Translation>;
  EXPECT_EQ(bare::translations(ram, all, 0, lower + (1 << 30) - 1),
            (Found{{lower, 1 << 21, 0x20'0000, false, true, true},
                   {lower + (1 << 21) + 0x3000, 4096, 0x5000, true, true, true}}));
  EXPECT_EQ(bare::translations(ram, all, lower + 0x20'3fff, lower + 0x20'3fff),
            (Found{{lower + 0x20'3000, 4096, 0x5000, true, true, true}}));
  EXPECT_EQ(bare::translations(ram, all, upper + (std::uint64_t{2} << 30), ~std::uint64_t{0}),
            (Found{{upper + (std::uint64_t{2} << 30), 1 << 30, 0x4000'0000, true, false, false}}));
  // Not its own, and beyond RAM.
  EXPECT_EQ(bare::translations(ram, {0, 4, 0, lower - 1}, 0, ~std::uint64_t{0}), Found{});
  EXPECT_EQ(bare::translations(ram.first(0x3000), all, lower + 0x20'0000, lower + 0x3f'ffff),
            Found{});
}

// Neither a file nor a process.
TEST_F(Host, NothingIsLeftWhenTheHostIsKilled) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t host = fork();
  if (host == 0) {
    GuestSystem guest(stand_in());
    guest.rebuild({});
    (void)!write(ends[1], "!", 1);
    for (;;) pause();
  }
  close(ends[1]);
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  ASSERT_EQ(kill(host, SIGKILL), 0);
  ASSERT_EQ(waitpid(host, nullptr, 0), host);
  // All that had the other end is gone when this one reads its end: the guest had inherited it.
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  close(ends[0]);
}

TEST_F(Host, AStoppedGuestHasExitedByItself) {
  Qemu qemu(stand_in());
  qemu.stop();
  EXPECT_EQ(qemu.status(), bare::status_of_exit(bare::kStoppedExit));
  EXPECT_TRUE(says(qemu.said(), "stand-in: hello"));
}

}  // namespace
