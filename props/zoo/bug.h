// SPDX-License-Identifier: MPL-2.0
// What the lists say of a planted bug. plant.py writes them down as props/zoo/list.h.
#pragma once

namespace zoo {

struct Bug {
  const char* id;
  const char* family;
  const char* sentence;
  const char* real;      // The bug that really occurred, if it is one.
  int lanes;             // 1: operations go alone; 2: at once.
  const char* property;  // Whose traces and judge hunt it.
  const char* oracle;
  int min_ops;
  const char* too_many;  // Why not all shorter traces are tried; empty if they are.
  // Of the guest, whose oracle "boot" is that it looks at itself:
  const char* line;  // what it is told to do,
  const char* says;  // and a part of what it says then.
};

struct Shown {
  const char* property;
  int number;     // Of a bug that it finds.
  bool is_alone;  // No other property finds it, if operations go alone.
};

}  // namespace zoo
