// SPDX-License-Identifier: MPL-2.0
// Operations on users' memory, by the user's own addresses (B.9, C.10): what the kernel copies for
// a program, words that it reads or exchanges for one, and the copy of a whole space.
//
// Each asks a space for a reader or writer of so many bytes. That is refused (access_denied,
// POST-40) unless the CPU translates by this very space and all the bytes lie below the end of
// users' memory, which is the place user_end; no bytes may lie at the end itself. That it is no
// space is found before that: then the operation is passed over.
//
// Bytes are reached one by one, upwards; each is an access of the supervisor's with EFLAGS.AC set,
// by the CPU's translations as cpu_touch has them. `first`, `second` and `third` are the physical
// addresses of the pages that were reached, in the order of the user's addresses; bit i of `walked`
// says that the CPU walked the table for page i, and did not use what it had kept: for the page of
// the fault, too. The first byte that cannot be reached ends the copy: `copied` says how many bytes
// lie before it, and `error` is the fault's error code. They stay copied.
//
// Not asked of a CPU that translates users' addresses by a table that is no space, or has done so
// since it last forgot all translations, global ones too (cpu_flush_all, cpu_control): it may keep a
// page that is nobody's by now. Nor while lanes go at once.
#pragma once

#include "trace/reply.h"
#include "trace/scalar.h"
#include "trace/virtual.h"

namespace trace {

inline constexpr std::array<Result, 6> kUserCopy = {{{"copied", As::number},
                                                     {"first", As::address},
                                                     {"second", As::address},
                                                     {"third", As::address},
                                                     {"walked", As::number},
                                                     {"error", As::number}}};

// Copies bytes of a user's to the kernel, and says their sum, unless some are of memory that is not
// there, or are not known: then nothing is said of it.
struct UserRead {
  static constexpr const char* kName = "user_read";
  static constexpr const char* kLaw = "POST-40";
  static constexpr std::array<Result, 7> kResults = {kUserCopy[0],       kUserCopy[1], kUserCopy[2],
                                                     kUserCopy[3],       kUserCopy[4], kUserCopy[5],
                                                     {"sum", As::number}};
  static constexpr std::array kOutcomes = {Status::ok, Status::page_fault, Status::access_denied};

  Table from;  // Must be a space.
  VirtPlace at;
  Extent length;  // At most 8192 bytes are copied; all are asked for.

  static constexpr void fields(auto&& each) {
    each("from", &UserRead::from);
    each("at", &UserRead::at);
    each("length", &UserRead::length);
  }
  bool operator==(const UserRead&) const = default;
};

// Copies the bytes value, value + 1, ... modulo 256 of the kernel's to a user, or zeros.
struct UserWrite {
  static constexpr const char* kName = "user_write";
  static constexpr const char* kLaw = "POST-40";
  static constexpr std::array<Result, 6> kResults = kUserCopy;
  static constexpr std::array kOutcomes = {Status::ok, Status::page_fault, Status::access_denied};

  Table into;  // Must be a space.
  VirtPlace at;
  Extent length;  // As of user_read.
  Count value;
  Flag zeros;  // Then `value` says nothing.

  static constexpr void fields(auto&& each) {
    each("into", &UserWrite::into);
    each("at", &UserWrite::at);
    each("length", &UserWrite::length);
    each("value", &UserWrite::value);
    each("zeros", &UserWrite::zeros);
  }
  bool operator==(const UserWrite&) const = default;
};

// Loads a word of four bytes in a single access. Panics (misaligned) if that cannot be, after it
// was found that a reader may be had. `address` is that of the page that was reached. Of memory
// that is not there, or bytes that are not known, the word is not told.
struct UserLoad {
  static constexpr const char* kName = "user_load";
  static constexpr const char* kLaw = "POST-40";
  static constexpr std::array<Result, 4> kResults = {
      {{"word", As::word}, {"address", As::address}, {"walked", As::flag}, {"error", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::page_fault, Status::access_denied,
                                           Status::panicked};

  Table from;  // Must be a space.
  VirtPlace at;

  static constexpr void fields(auto&& each) {
    each("from", &UserLoad::from);
    each("at", &UserLoad::at);
  }
  bool operator==(const UserLoad&) const = default;
};

// Compares such a word, and exchanges it if it is the one expected. That is a store in any case.
struct UserExchange {
  static constexpr const char* kName = "user_exchange";
  static constexpr const char* kLaw = "POST-40";
  static constexpr std::array<Result, 5> kResults = {{{"word", As::word},
                                                      {"swapped", As::flag},
                                                      {"address", As::address},
                                                      {"walked", As::flag},
                                                      {"error", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::page_fault, Status::access_denied,
                                           Status::panicked};

  Table into;  // Must be a space.
  VirtPlace at;
  Count expected;  // The lower 32 bits of both.
  Count desired;

  static constexpr void fields(auto&& each) {
    each("into", &UserExchange::into);
    each("at", &UserExchange::at);
    each("expected", &UserExchange::expected);
    each("desired", &UserExchange::desired);
  }
  bool operator==(const UserExchange&) const = default;
};

// Makes a copy of a space: every page of the old one is mapped in the new one, too, neither
// accessed nor dirty; and of frames, neither may be written to any more by either. Pages for the
// root and the tables are taken one by one, the root first, and then each table before what is
// below it, upwards; tables in which nothing is mapped are not copied. If one is refused, nothing
// has changed but that what was taken is given back, in any order.
//
// If the old one had a frame that could be written to, all CPUs that it is active on forget all but
// global translations: this one at once, and others are waited for, as tlb_sync has it. Says how
// many frames and how many other pages both map, how many of the old one's entries were of frames
// that could be written to, and which CPUs had to be waited for.
//
// A lane that has a cursor open does not ask; nor, while lanes go one at a time, does any as long
// as another has one open; nor does any while lanes go at once.
struct SpaceFork {
  static constexpr const char* kName = "space_fork";
  static constexpr const char* kLaw = "C.10";
  static constexpr std::array<Result, 5> kResults = {{{"root", As::address},
                                                      {"frames", As::number},
                                                      {"devices", As::number},
                                                      {"writable", As::number},
                                                      {"cpus", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::no_memory};

  Table from;   // Must be a space.
  OwnTable to;  // Must be empty.

  static constexpr void fields(auto&& each) {
    each("from", &SpaceFork::from);
    each("to", &SpaceFork::to);
  }
  bool operator==(const SpaceFork&) const = default;
};

}  // namespace trace
