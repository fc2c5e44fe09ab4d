// SPDX-License-Identifier: MPL-2.0
// The words in which conditions on accesses are written: which a step made, and what each came to.
#pragma once

#include "reference/access.h"
#include "reference/cursor_conditions.h"

namespace reference {

// An access, and what came of it, as cpu_touch would have told it.
struct Accessed {
  Touch touch{};
  trace::Answer answer{};

  VirtPage page() const { return touch.address / kPageBytes; }
  bool walked() const { return answer.reply.results[2] != 0; }
  bool faulted() const { return answer.reply.status == trace::Status::page_fault; }
  std::uint64_t to() const { return answer.reply.results[0]; }  // If it did not fault.
};

// The accesses of the kernel's to users' memory that a step made by its answer, one a page
// (user_laws.cpp). Whether that answer can be, is for others.
std::vector<Accessed> user_accesses(const Step&);

// Whether a CPU reaches users' memory by that table though it is no space.
inline bool is_strange(const std::optional<TableHandle>& table) {
  return table &&
         (table->kind == trace::TableKindName::user || table->kind == trace::TableKindName::plain);
}

}  // namespace reference
