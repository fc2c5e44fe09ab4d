// SPDX-License-Identifier: MPL-2.0
// Laws of handles that need no reference.
#include "props/agree/agree.h"

namespace {

RC_GTEST_PROP(Handles, SurviveBeingRaw, ()) { props::expect("raw round trip"); }

RC_GTEST_PROP(Handles, ReadBackTheKindThatWasWritten, ()) { props::expect("kinds read back"); }

}  // namespace
