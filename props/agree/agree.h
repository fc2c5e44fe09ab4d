// SPDX-License-Identifier: MPL-2.0
// A property of the list as a test of RapidCheck's: it generates, and walks our shrinker.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "props/gen/trace.h"
#include "props/properties.h"
#include "reference/model.h"

namespace props {

// Fails the running RapidCheck property if a trace shows ours false. Each asked operation is
// labelled with how it ended.
inline void expect(const char* name) {
  const Property& property = props::property(name);
  trace::Trace trace = *traces_of(property);
  check::Tally tally;
  const Judged judged = property.judge(trace, {.tally = &tally});
  if (judged.agreed()) return;
  if (!judged.diverged) RC_FAIL("in doubt: it failed once and not again, or was not decided");
  std::string why = name;
  if (!judged.steps.empty()) {
    why = check::what_is_wrong(*judged.diverged, judged.steps.back(),
                               reference::Model::sentence_of(judged.diverged->law.c_str()));
  }
  RC_FAIL(why);
}

}  // namespace props
