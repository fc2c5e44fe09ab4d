// SPDX-License-Identifier: MPL-2.0
// mm as judges have it. There is one machine, which keeps everything but what a reset restores; so
// one system of each sort serves all runs, and finds the machine built anew if the other sort had
// it last.
#pragma once

#include "check/machine/memory.h"
#include "check/systems/mm.h"

namespace props {

inline const void* machine_user = nullptr;

template <class System>
System& system_of(const trace::Machine& shape) {
  check::machine::power_on();
  static System system;
  if (machine_user != &system) system.rebuild(shape);
  machine_user = &system;
  return system;
}

// What is asked what goes alone, if it is not mm on the simulated machine.
inline check::AnySystem* chosen_instead = nullptr;

inline check::AnySystem& lone_system(const trace::Machine& shape) {
  return chosen_instead != nullptr ? *chosen_instead : system_of<check::MmAlone>(shape);
}

}  // namespace props
