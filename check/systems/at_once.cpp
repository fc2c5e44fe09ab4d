// SPDX-License-Identifier: MPL-2.0
// mm on the machine whose every atomic access is a point at which another CPU may go.
#include "check/explore/platform.h"
#include "check/systems/mm.inl"

template class check::Walled<check::explore::Explored>;
