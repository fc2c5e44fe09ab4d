// SPDX-License-Identifier: MPL-2.0
// For each operation and each outcome an example.
#pragma once

#include "props/laws/alloc_examples.h"
#include "props/laws/area_examples.h"
#include "props/laws/boot_examples.h"
#include "props/laws/boot_table_examples.h"
#include "props/laws/bytes_examples.h"
#include "props/laws/frame_examples.h"
#include "props/laws/list_examples.h"
#include "props/laws/segment_examples.h"
#include "props/laws/space_examples.h"
#include "props/laws/table_examples.h"
#include "props/laws/user_examples.h"

namespace laws {

inline std::vector<Example> examples() {
  std::vector<Example> all;
  for (const auto& family :
       {frame_examples(), segment_examples(), list_examples(), bytes_examples(), alloc_examples(),
        boot_examples(), boot_table_examples(), table_examples(), space_examples(), user_examples(),
        area_examples()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  return all;
}

}  // namespace laws
