// SPDX-License-Identifier: MPL-2.0
// mm agrees with the reference on everything together, and the reference with its own laws.
#include "props/agree/agree.h"

namespace {

RC_GTEST_PROP(Everything, AgreesWithTheReference, ()) { props::expect("everything agrees"); }

RC_GTEST_PROP(TheReference, KeepsItsLawsAfterEveryStep, ()) { props::expect("laws hold"); }

RC_GTEST_PROP(TheReference, KeepsItsLawsOverTables, ()) { props::expect("laws hold over tables"); }

}  // namespace
