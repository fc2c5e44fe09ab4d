// SPDX-License-Identifier: MPL-2.0
// mm on the machine as it is: for operations that go alone.
#include "check/systems/mm.inl"
#include "impl/hosted/platform.h"

template class check::Walled<mm::Hosted>;
