// SPDX-License-Identifier: MPL-2.0
// What must not slip into freestanding code: linking it must fail, or the test of linking is worth
// nothing.
#include <cstdlib>

extern "C" void* needs_a_heap();
extern "C" void* needs_a_heap() { return std::malloc(64); }
