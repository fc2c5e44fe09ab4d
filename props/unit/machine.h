// SPDX-License-Identifier: MPL-2.0
// A simulated machine whose tables a test writes entry by entry. Every expectation of the tests
// that use it is derived by hand from the Intel SDM, vol. 3A, chapter 4, not from the code.
#pragma once

#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "check/machine/entries.h"
#include "check/machine/touch.h"

namespace unit::machine {

using namespace check::machine;
using std::uint64_t, std::uint8_t;

inline constexpr uint64_t kPage = 4096, k2M = 0x20'0000, k1G = 0x4000'0000;
inline constexpr uint64_t P = 1, W = 2, U = 4, A = 1 << 5, D = 1 << 6, PS = 1 << 7, G = 1 << 8;
inline constexpr uint64_t XD = uint64_t{1} << 63;
inline constexpr uint64_t kRoot = kPage;
inline constexpr uint64_t kData = 256 * kPage, kOther = 257 * kPage;  // Frames that programs use.
inline constexpr Privilege kUserMode = Privilege::user, kKernelMode = Privilege::supervisor;

inline uint64_t& word(uint64_t pa) { return *reinterpret_cast<uint64_t*>(kMemoryBase + pa); }
inline uint8_t& byte(uint64_t pa) { return *reinterpret_cast<uint8_t*>(kMemoryBase + pa); }

class Machine : public testing::Test {
 protected:
  void SetUp() override {
    power_on();
    install_pages(kPages);
    std::memset(&byte(kPage), 0, 257 * kPage);
    byte(kData) = 0xda;
    byte(kOther) = 0x07;
    spare_ = 2 * kPage;
    reset_cpus();
    cpu().write_cr3(kRoot);
  }
  void TearDown() override { install_pages(kPages); }

  static Cpu& cpu() { return cpus[0]; }

  static void control(auto&& change) {
    Control next = cpu().control;
    change(next);
    cpu().set_control(next);
  }

  // Where the entries for `va` are, uppermost first, down to that of `level`; tables that are
  // missing are made, with all rights.
  std::vector<uint64_t> path(uint64_t va, int level = 1) {
    std::vector<uint64_t> path;
    uint64_t table = kRoot;
    for (int at = cpu().control.la57 ? 5 : 4;; --at) {
      path.push_back(table + (va >> (12 + 9 * (at - 1)) & 511) * 8);
      if (at == level) return path;
      uint64_t& entry = word(path.back());
      if (entry == 0) {
        entry = spare_ | P | W | U;
        spare_ += kPage;
      }
      table = entry & 0x000f'ffff'ffff'f000;
    }
  }
  // The leaf of `va` becomes `entry`; nothing is flushed. Where it is.
  uint64_t map(uint64_t va, uint64_t entry, int level = 1) {
    const uint64_t at = path(va, level).back();
    word(at) = entry;
    return at;
  }

  static Touch load(uint64_t va, Privilege privilege = kKernelMode) {
    return touch(0, va, Access::load, privilege);
  }
  static Touch store(uint64_t va, uint8_t value, Privilege privilege = kKernelMode) {
    return touch(0, va, Access::store, privilege, value);
  }
  static Touch fetch(uint64_t va, Privilege privilege = kKernelMode) {
    return touch(0, va, Access::fetch, privilege);
  }

  // Whether the access faults, with this code, at this address.
  static testing::AssertionResult faults(const Touch& touch, uint64_t va, unsigned code) {
    if (touch.outcome == Outcome::page_fault && touch.error_code == code && touch.cr2 == va) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "outcome " << static_cast<int>(touch.outcome) << ", code "
                                       << touch.error_code << ", CR2 " << touch.cr2;
  }
  static testing::AssertionResult reaches(const Touch& touch, uint64_t address) {
    if (touch.ok() && touch.address == address) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "outcome " << static_cast<int>(touch.outcome) << ", code "
                                       << touch.error_code << ", address " << touch.address;
  }

  uint64_t spare_ = 0;
};

// Where a page begins whose indices at all levels differ, none of them 0: 1, 2, 3, 4.
inline constexpr uint64_t kVa = (1ull << 39) + (2ull << 30) + (3ull << 21) + (4ull << 12);

}  // namespace unit::machine
