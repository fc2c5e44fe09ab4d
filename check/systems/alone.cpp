// SPDX-License-Identifier: MPL-2.0
// mm on the machine as it is: for operations that go alone.
#include "check/systems/lone.h"
#include "check/systems/mm.inl"

template class check::Walled<check::Lone>;
