// SPDX-License-Identifier: MPL-2.0
// Which planted bug is switched on. Only the copy of the source made by plant.py asks.
#pragma once

namespace zoo {

inline int planted = 0;  // By number, from 1; 0: none.

inline bool on(int number) noexcept { return planted == number; }

}  // namespace zoo
