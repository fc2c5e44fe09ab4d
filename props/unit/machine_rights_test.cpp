// SPDX-License-Identifier: MPL-2.0
// Who may do what on the simulated machine: every combination, against the rules of the manual.
#include <array>
#include <gtest/gtest.h>
#include <string>

#include "props/unit/machine.h"

namespace {

using namespace unit::machine;

// Section 4.6.1 the other way round: what is denied. A column each for: privilege, access; whether
// the page is a user's, writable, executable; WP, SMEP, SMAP, AC, NXE.
constexpr std::array kDenied = {
    "sl 1-- --10-",  // Loads from user pages, by SMAP.
    "ss 1-- --10-",  // Stores to them.
    "ss -0- 1----",  // Stores to what is read-only, by WP.
    "sf 1-- -1---",  // Fetches from user pages, by SMEP.
    "sf --0 ----1",  // Fetches from what is XD.
    "u- 0-- -----",  // A program and the pages of the kernel.
    "us -0- -----",  // A program and what is read-only, whatever WP.
    "uf --0 ----1",
};

bool is_denied(const std::string& what) {
  for (const std::string row : kDenied) {
    bool fits = true;
    for (std::size_t i = 0; i < row.size(); ++i) fits &= row[i] == '-' || row[i] == what[i];
    if (fits) return true;
  }
  return false;
}

class Matrix : public Machine {
 protected:
  // A page of this size. If a right is missing, only the entry of level `where` does not give it.
  void judge(int size, int where, int rights, int flags, Access access, Privilege privilege) {
    SetUp();
    const bool user = (rights & 1) != 0, writable = (rights & 2) != 0, runs = (rights & 4) != 0;
    const Control now{.wp = (flags & 1) != 0,
                      .smep = (flags & 2) != 0,
                      .smap = (flags & 4) != 0,
                      .nxe = (flags & 16) != 0,
                      .ac = (flags & 8) != 0};
    cpu().set_control(now);
    map(kVa, (size == 1 ? kData : PS) | P | W | U, size);
    const auto entries = path(kVa, size);
    word(entries[static_cast<std::size_t>(4 - where)]) ^=
        (user ? 0 : U) | (writable ? 0 : W) | (runs ? 0 : XD);

    auto digit = [](bool is_set) { return is_set ? '1' : '0'; };
    const std::string what{privilege == kUserMode ? 'u' : 's',
                           "lsf"[static_cast<int>(access)],
                           ' ',
                           digit(user),
                           digit(writable),
                           digit(runs),
                           ' ',
                           digit(now.wp),
                           digit(now.smep),
                           digit(now.smap),
                           digit(now.ac),
                           digit(now.nxe)};
    const bool is_reserved = !runs && !now.nxe;
    const bool is_refused = is_reserved || is_denied(what);
    unsigned code = 1 + (is_reserved ? 8u : 0);
    if (access == Access::store) code += 2;
    if (privilege == kUserMode) code += 4;
    if (access == Access::fetch && (now.nxe || now.smep)) code += 16;

    // At first by a walk; then, if that was allowed, by what the TLB knows. Once more when it knows
    // from a walk that asked for no rights: so it decides, and denies, as memory would.
    for (const bool is_known : {false, true}) {
      if (is_known && is_reserved) break;
      if (is_known) ASSERT_TRUE(prefetch(0, kVa));
      const bool was_known =
          is_known && (access != Access::store || is_refused || (word(entries.back()) & D) != 0);
      const Touch touch = check::machine::touch(0, kVa, access, privilege, 1);
      ASSERT_EQ(touch.was_known, was_known) << what;
      if (is_refused) {
        ASSERT_TRUE(faults(touch, kVa, code)) << what << " size " << size << " where " << where;
      } else {
        ASSERT_TRUE(touch.ok()) << what << " code " << touch.error_code;
      }
      const uint64_t flag = is_refused && !is_known ? 0 : A;
      const uint64_t dirty = !is_refused && access == Access::store ? D : 0;
      for (const uint64_t at : entries) {
        ASSERT_EQ(word(at) & (A | D), flag | (at == entries.back() ? dirty : 0)) << what;
      }
    }
    ++cases_;
  }
  int cases_ = 0;
};

TEST_F(Matrix, IsThatOfTheManual) {
  for (int size = 1; size <= 3; ++size) {
    for (int where = size; where <= 4; ++where) {
      for (int rights = 0; rights < 8; ++rights) {
        for (int flags = 0; flags < 32; ++flags) {
          for (const Access access : {Access::load, Access::store, Access::fetch}) {
            judge(size, where, rights, flags, access, kKernelMode);
            judge(size, where, rights, flags, access, kUserMode);
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
  EXPECT_EQ(cases_, (4 + 3 + 2) * 8 * 32 * 6);
}

}  // namespace
