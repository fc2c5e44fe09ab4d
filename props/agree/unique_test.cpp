// SPDX-License-Identifier: MPL-2.0
// mm agrees with the reference on unique frames.
#include "props/agree/agree.h"

namespace {

RC_GTEST_PROP(UniqueFrames, AgreeWithTheReference, ()) { props::expect("unique frames agree"); }

}  // namespace
