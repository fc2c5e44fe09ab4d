// SPDX-License-Identifier: MPL-2.0
// mm agrees with the reference on frames of the allocator's choice.
#include "props/agree/agree.h"

namespace {

RC_GTEST_PROP(AllocatedFrames, AgreeWithTheReference, ()) { props::expect("alloc agrees"); }

}  // namespace
