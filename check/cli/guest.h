// SPDX-License-Identifier: MPL-2.0
// mm in the guest (baremetal/), for verbs that can ask it instead of mm on the simulated machine;
// and the verb `guest`, which shows it.
#pragma once

#include "baremetal/host/qemu.h"
#include "check/any_system.h"
#include "check/cli/subject.h"

namespace check::cli {

inline constexpr const char* kOnGuest = "guest";

Subject guest_subject();

// The guest of the command line: that of --image, or of the build.
bare::QemuOptions guest_options();
// Ends the verb, for there is no guest.
[[noreturn]] void stop_for(const bare::NoGuest& why);

// The guest, which has been booted once, to see that there is one. Throws Stop if there is none.
AnySystem& tried_guest();

// `guest`: boots it, and shows what a mapping is to a CPU.
void add_guest(CLI::App& app, int& status);

}  // namespace check::cli
