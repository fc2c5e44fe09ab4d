// SPDX-License-Identifier: MPL-2.0
// The laws that are judged by probes (probe.h): a judge for each.
#pragma once

#include "props/properties.h"

namespace props {

// frame_probes.cpp
Judged round_trip(trace::Trace& trace, check::How how);
Judged read_back(trace::Trace& trace, check::How how);

// table_probes.cpp
Judged mapped_and_taken(trace::Trace& trace, check::How how);
Judged neighbours_stay(trace::Trace& trace, check::How how);

}  // namespace props
