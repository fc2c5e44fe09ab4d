// SPDX-License-Identifier: MPL-2.0
// Two states as lists of facts: what differs, which law that bears on, and how a person says it.
//
// The law of a difference is that of the first page that differs, and there of the first row that
// fits. "No handle" and "handles" are what the model knows.
//
//   the model has the page      the system has it                          law
//   unused                      unused, but not clean                      INV-2
//   unused                      busy (no operation is under way)           INV-6
//   unused (no handle)          shared                                     INV-12
//   unused (no handle)          unique                                     INV-14
//   in use (handles)            unused                                     INV-11
//   in use                      busy                                       INV-6
//   shared or unique            the other                                  INV-14
//   shared, with a count        another count                              INV-13
//   in a list, or in none       in another, or in one                      INV-23
//   with neighbours in a list   other neighbours                           INV-21
//   of a kind, with a usage     another kind or usage                      INV-7
//   with words                  other words                                the operation's (kLaw)
//   free                        not free                                   INV-9
//   not free                    free                                       INV-2
//   a page-table node           none, or the other way round               INV-26
//   a node of a level           another level                              INV-24
//   with children               another number of them                     INV-25
//   in its table, or stray      the other                                  INV-32
//   locked, or not              the other                                  INV-39
//   active on some CPUs         on others                                  INV-44
//
// If no page differs, what tables map does: then the law is INV-36, or that of the operation if
// only a property differs.
//
// Free blocks are never compared: their law says itself what it is (B.10), and all of them are
// shown.
//
// A wrong answer bears on the law that the operation names (kLaw), and so does a change of a page
// that the operation does not touch: that other pages stay is part of every postcondition.
#pragma once

#include <string>
#include <string_view>

#include "check/verdict.h"

namespace check {

struct Difference {
  Facts missing{};     // Expected, and not seen;
  Facts unexpected{};  // seen, and not expected.
  bool operator==(const Difference&) const = default;
};

// Both sorted.
Difference difference(const Facts& expected, const Facts& seen);

std::string law_of(const Difference& difference, const trace::Op& op);

// "pages 8 to 11 in cpu0's cache"
std::string in_words(const trace::FreeBlock& block);

// What went wrong, as one sentence without a full stop: what the operation did, and what the model
// insists on; then, in brackets, the law, with its sentence if it is given.
//
//   "frame_drop left page 6 with count 3, not 2 (INV-13)"
//
// `step` is the one that diverged. For lanes at once it does not matter.
std::string what_is_wrong(const Divergence& divergence, const Step& step,
                          std::string_view sentence = {});

}  // namespace check
