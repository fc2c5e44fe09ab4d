// SPDX-License-Identifier: MPL-2.0
#include "baremetal/agent/kernel.h"

#include "baremetal/agent/kernel_parts.h"

namespace bare {
namespace {

// Says how much a step has looked at.
class Steps {
 public:
  template <class... Parts>
  void end(std::string_view step, const Parts&... parts) noexcept {
    serial::line(step, ": ", u64{checks.count() - count_}, " checks, ",
                 u64{checks.faults() - faults_}, " faults", parts...);
    count_ = checks.count();
    faults_ = checks.faults();
    Kernel::has_moved();
  }

  Checks checks;

 private:
  u32 count_ = 0, faults_ = 0;
};

// As a kernel has it: what ring 0 reaches of a program's is by intent.
void guard_against_users() noexcept {
  on_each_cpu([] { this_processor().set_control({.smep = true, .smap = true}); });
}

void boot(Steps& steps, const MemoryMap& map, Booted& booted) noexcept {
  Checks& checks = steps.checks;
  guard_against_users();
  const bool has_metadata = boot_metadata(checks, map, booted);
  steps.end("metadata", ": ", Kernel::globals().pages, " pages, ", free_pages(), " free");
  if (!has_metadata) return;
  const bool goes_on = use_boot_table(checks, booted);
  steps.end("boot page table", ": ", booted.boot_tables, " tables");
  if (!goes_on) return;

  const std::optional<KernelTable> table = make_kernel_table(checks, booted);
  steps.end("kernel page table");
  if (!table) return;
  const bool is_active = activate_everywhere(checks, *table, booted);
  steps.end("activation", ": ", u64{processor_count}, " CPUs");
  if (!is_active) return;
  check_rights_everywhere(checks);
  steps.end("rights");

  on_each_cpu([] { cpu::sti(); });
  check_areas(checks, *table);
  steps.end("areas");
  check_spaces(checks, *table);
  steps.end("spaces");
  on_each_cpu([] { cpu::cli(); });
  checks.expect("what is reserved is as it was", keeps_what_is_reserved(map, booted));
  steps.end("end");
  // The CPUs translate by it, and have a count each.
}

}  // namespace

u32 check_kernel(const MemoryMap& map) noexcept {
  Steps steps;
  Booted booted;
  boot(steps, map, booted);
  return steps.checks.faults();
}

}  // namespace bare
