// SPDX-License-Identifier: MPL-2.0
// mm agrees with the reference on shared frames.
#include "props/agree/agree.h"

namespace {

RC_GTEST_PROP(Frames, AgreeWithTheReference, ()) { props::expect("frames agree"); }

}  // namespace
