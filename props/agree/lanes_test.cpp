// SPDX-License-Identifier: MPL-2.0
// What lanes do at once has an order that the reference accepts.
#include "props/agree/agree.h"

namespace {

RC_GTEST_PROP(Lanes, HaveAnOrderThatTheReferenceAccepts, ()) { props::expect("lanes agree"); }

}  // namespace
