// SPDX-License-Identifier: MPL-2.0
// What the reference says of rights, each expectation taken by hand from the Intel SDM, vol. 3A,
// sections 5.6 to 5.8.
#include "reference/passage.h"

#include <array>
#include <gtest/gtest.h>

namespace {

using reference::Access;
using reference::Controls;
using reference::EntryRights;
using reference::Passage;
using trace::AccessName;

constexpr Access kLoad{AccessName::load}, kStore{AccessName::store}, kFetch{AccessName::fetch};
constexpr Controls kPlain{};  // WP and NXE.

constexpr Access by_user(Access access) {
  access.as_user = true;
  return access;
}
constexpr Access with_ac(Access access) {
  access.ac = true;
  return access;
}

using Way = std::array<EntryRights, 4>;  // Of a 4 KiB page; the root's entry first.

constexpr EntryRights kReadOnly{.writable = false}, kSupervisor{.user = false},
    kNotExecutable{.executable = false}, kAbsent{.present = false};

// All four entries permit everything, but one.
Way but(std::size_t at, EntryRights one) {
  Way way{};
  way[at] = one;
  return way;
}

Passage faults(std::uint64_t error) { return {.error = error}; }
constexpr Passage kRead{.accessed = true}, kWritten{.accessed = true, .dirty = true};

TEST(Passage, ARightIsThereOnlyIfEveryEntryGrantsIt) {
  EXPECT_EQ(pass(Way{}, by_user(kLoad), kPlain), kRead);
  EXPECT_EQ(pass(Way{}, by_user(kStore), kPlain), kWritten);
  EXPECT_EQ(pass(Way{}, by_user(kFetch), kPlain), kRead);
  for (std::size_t at = 0; at < 4; ++at) {
    EXPECT_EQ(pass(but(at, kReadOnly), by_user(kLoad), kPlain), kRead);
    EXPECT_EQ(pass(but(at, kReadOnly), by_user(kStore), kPlain), faults(7));
    EXPECT_EQ(pass(but(at, kSupervisor), by_user(kLoad), kPlain), faults(5));
    EXPECT_EQ(pass(but(at, kSupervisor), kLoad, kPlain), kRead);
    EXPECT_EQ(pass(but(at, kNotExecutable), by_user(kFetch), kPlain), faults(21));
    EXPECT_EQ(pass(but(at, kNotExecutable), kFetch, kPlain), faults(17));
    EXPECT_EQ(pass(but(at, kNotExecutable), kStore, kPlain), kWritten);
  }
}

TEST(Passage, OnlyWpKeepsTheKernelFromStoring) {
  EXPECT_EQ(pass(but(1, kReadOnly), kStore, {.wp = true}), faults(3));
  EXPECT_EQ(pass(but(1, kReadOnly), kStore, {.wp = false}), kWritten);
  EXPECT_EQ(pass(but(1, kReadOnly), by_user(kStore), {.wp = false}), faults(7));
}

TEST(Passage, SmapIsAboutDataOfUsersAndYieldsToAc) {
  const Controls smap{.smap = true};
  EXPECT_EQ(pass(Way{}, kLoad, smap), faults(1));
  EXPECT_EQ(pass(Way{}, kStore, smap), faults(3));
  EXPECT_EQ(pass(Way{}, kStore, {.wp = false, .smap = true}), faults(3));
  EXPECT_EQ(pass(Way{}, with_ac(kLoad), smap), kRead);
  EXPECT_EQ(pass(Way{}, with_ac(kStore), smap), kWritten);
  EXPECT_EQ(pass(Way{}, kFetch, smap), kRead);
  EXPECT_EQ(pass(Way{}, by_user(kLoad), smap), kRead);
  for (std::size_t at = 0; at < 4; ++at) {
    EXPECT_EQ(pass(but(at, kSupervisor), kLoad, smap), kRead) << "one entry makes it the kernel's";
  }
}

TEST(Passage, SmepIsAboutFetchesFromUsersAndYieldsToNothing) {
  const Controls smep{.smep = true};
  EXPECT_EQ(pass(Way{}, kFetch, smep), faults(17));
  EXPECT_EQ(pass(Way{}, with_ac(kFetch), smep), faults(17));
  EXPECT_EQ(pass(Way{}, kLoad, smep), kRead);
  EXPECT_EQ(pass(Way{}, by_user(kFetch), smep), kRead);
  for (std::size_t at = 0; at < 4; ++at) {
    EXPECT_EQ(pass(but(at, kSupervisor), kFetch, smep), kRead) << "one entry makes it the kernel's";
  }
}

TEST(Passage, WithoutNxeBit63IsReservedInAnyEntryForAnyAccess) {
  for (std::size_t at = 0; at < 4; ++at) {
    EXPECT_EQ(pass(but(at, kNotExecutable), kLoad, {.nxe = false}), faults(9));
    EXPECT_EQ(pass(but(at, kNotExecutable), by_user(kStore), {.nxe = false}), faults(15));
    EXPECT_EQ(pass(but(at, kNotExecutable), kFetch, {.smep = true, .nxe = false}), faults(25));
  }
}

TEST(Passage, AFetchIsToldOnlyWhereSomethingCanForbidFetches) {
  EXPECT_EQ(pass(but(3, kAbsent), kFetch, {.smep = false, .nxe = false}), faults(0));
  EXPECT_EQ(pass(but(3, kAbsent), kFetch, {.smep = true, .nxe = false}), faults(16));
  EXPECT_EQ(pass(but(3, kAbsent), kFetch, {.smep = false, .nxe = true}), faults(16));
  EXPECT_EQ(pass(but(3, kSupervisor), by_user(kFetch), {.nxe = false}), faults(5));
}

TEST(Passage, TheFirstEntryOfNoUseEndsTheWalk) {
  const Controls no_nxe{.nxe = false};
  for (std::size_t at = 0; at < 4; ++at) {
    EXPECT_EQ(pass(but(at, kAbsent), by_user(kStore), kPlain), faults(6));
  }
  EXPECT_EQ(pass(but(2, {.present = false, .executable = false}), kLoad, no_nxe), faults(0))
      << "of what is absent no bit is reserved";
  EXPECT_EQ(pass(Way{{{}, kAbsent, {}, kNotExecutable}}, kLoad, no_nxe), faults(0));
  EXPECT_EQ(pass(Way{{{}, kNotExecutable, {}, kAbsent}}, kLoad, no_nxe), faults(9));
}

}  // namespace
