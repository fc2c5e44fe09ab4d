// SPDX-License-Identifier: MPL-2.0
// What CPUs do by themselves: they walk tables, keep translations, and forget them.
//
// A CPU may keep every translation that was valid since it last had to forget the page. What the
// tables say now may be kept at any time, so only what they no longer say is written down.
#include <algorithm>

#include "reference/access.h"
#include "reference/model.h"

namespace reference {

using trace::AccessName;
using trace::Rights;
using trace::Status;
using trace::TableKindName;

namespace {

constexpr Level kMostLevel = 3;  // Of a page.

Translation translation_of(VirtPage begin, const Mapping& mapping) {
  const trace::Property& property = mapping.property;
  return {.begin = begin,
          .level = mapping.level,
          .to = mapping.to,
          .writable = property.rights.has(Rights::kWritable),
          .executable = property.rights.has(Rights::kExecutable),
          .user = property.privileged.has(trace::Privileged::kUser),
          .global = property.privileged.has(trace::Privileged::kGlobal),
          .dirty = property.rights.has(Rights::kDirty)};
}

// A page that may not be read is not present; one that may not be executed has a bit set that is
// reserved while EFER.NXE is not set.
bool is_present(const Mapping& mapping) { return mapping.property.rights.has(Rights::kReadable); }
bool is_reserved(const Mapping& mapping, const Controls& controls) {
  return !controls.nxe && !mapping.property.rights.has(Rights::kExecutable);
}
bool may_be_kept(const Mapping& mapping, const Controls& controls) {
  return is_present(mapping) && !is_reserved(mapping, controls);
}

// Whether the kernel's half is a CPU's, too, by the table that it translates by.
bool has_kernel_half(TableKindName kind) { return is_users(kind) || kind == TableKindName::kernel; }
bool is_kernels(const State& state, Page root) {
  return state.shared[0] && state.shared[0]->root == root;
}
bool translates_by(const State& state, const Processor& cpu, Page root) {
  if (!cpu.root) return false;
  if (is_kernels(state, root)) return has_kernel_half(cpu.root->kind);
  return cpu.root->root == root;
}

bool is_canonical(VirtPage page) {
  constexpr VirtPage kHalf = kEntries / 2 * span_of(4);
  return page < kHalf || page >= kVirtEnd - kHalf;
}

// The kept translations of a page: at most one of a place is in use, but which is not known.
std::vector<Translation> kept_of(const Processor& cpu, VirtPage page) {
  std::vector<Translation> found;
  for (Level level = 1; level <= kMostLevel; ++level) {
    const VirtPage begin = entry_begin(level, page);
    auto at = cpu.kept.lower_bound({.begin = begin, .level = level});
    for (; at != cpu.kept.end() && at->begin == begin && at->level == level; ++at) {
      found.push_back(*at);
    }
  }
  return found;
}

EntryRights rights_of(const Translation& page) {
  return {.writable = page.writable, .user = page.user, .executable = page.executable};
}

// By a page whose entry says so. However many tables are on the way, they permit everything.
Passage pass(const EntryRights& leaf, const Touch& touch, const Controls& controls) {
  const EntryRights way[] = {{}, leaf};
  return pass(way, touch.how, controls);
}
bool is_permitted(const Translation& page, const Touch& touch, const Controls& controls) {
  return !pass(rights_of(page), touch, controls).error;
}

Answer fault(std::uint64_t error, bool walked) {
  return {{.status = Status::page_fault, .results = {0, error, walked ? 1u : 0u}}, {}};
}

Answer reach(const Translation& page, const Touch& touch, bool walked) {
  const std::uint64_t address = touch.address;
  const std::uint64_t offset = address - page.begin * kPageBytes;
  return {{.results = {page.to * kPageBytes + offset, 0, walked ? 1u : 0u}}, {}};
}

// What comes of an access by a translation that was kept.
Answer use(const Translation& page, const Touch& touch, const Controls& controls) {
  const Passage passage = pass(rights_of(page), touch, controls);
  return passage.error ? fault(*passage.error, false) : reach(page, touch, false);
}

// To store by a page that is not known to be dirty, the CPU walks.
bool can_use_kept(const Translation& page, const Touch& touch, const Controls& controls) {
  const bool is_store = touch.how.name == AccessName::store;
  return !is_store || page.dirty || !is_permitted(page, touch, controls);
}

// Walks the table; the entry has been accessed then, or written by.
Answer walk(State& state, Lane lane, const Touch& touch) {
  Processor& cpu = state.cpus[lane];
  const VirtPage page = touch.address / kPageBytes;
  const Tree& tree = tree_for(state, *cpu.root, page);
  const auto* const found = mapping_of(tree, page);
  EntryRights leaf{.present = false};
  if (found != nullptr && is_present(found->second)) {
    leaf = rights_of(translation_of(found->first, found->second));
  }
  const Passage passage = pass(leaf, touch, cpu.controls);
  if (passage.error) {
    forget(cpu, page);
    return fault(*passage.error, true);
  }
  // Had it kept one by which that could be done, it would not have walked.
  for (const Translation& one : kept_of(cpu, page)) {
    const bool serves =
        can_use_kept(one, touch, cpu.controls) && is_permitted(one, touch, cpu.controls);
    if (serves) cpu.kept.erase(one);
  }
  const Page root = is_kernels(state, cpu.root->root) || page < kVirtEnd / 2
                        ? cpu.root->root
                        : state.shared[0]->root;
  Mapping& mapping = state.trees.at(root).mappings.at(found->first);
  Rights rights = mapping.property.rights;
  if (passage.accessed) rights.bits |= Rights::kAccessed;
  if (passage.dirty) rights.bits |= Rights::kDirty;
  if (rights != mapping.property.rights) {
    mapping.property.rights = rights;
    reference::touch(state, root, found->first, found->first + span_of(mapping.level) - 1);
  }
  return reach(translation_of(found->first, found->second), touch, true);
}

// Whether users' memory is reached by a table that is no space: of that nobody is told what to
// forget.
bool reaches_users_otherwise(TableKindName kind) {
  return kind == TableKindName::user || kind == TableKindName::plain;
}

void forget_all(Processor& cpu) {
  cpu.kept.clear();
  cpu.may_know_others = cpu.reaches_others;
}

}  // namespace

void forget(Processor& cpu, VirtPage page) {
  for (const Translation& one : kept_of(cpu, page)) cpu.kept.erase(one);
}

void forget_all_but_global(Processor& cpu) {
  std::erase_if(cpu.kept, [](const Translation& one) { return !one.global; });
}

void note_stale(State& state, Page root, VirtPage at, const Mapping& mapping) {
  for (Processor& cpu : state.cpus) {
    if (translates_by(state, cpu, root) && may_be_kept(mapping, cpu.controls)) {
      cpu.kept.insert(translation_of(at, mapping));
    }
  }
}

void switch_tables(State& state, Lane lane, const TableHandle& table) {
  Processor& cpu = state.cpus[lane];
  const std::optional<TableHandle> before = std::exchange(cpu.root, table);
  cpu.reaches_others = reaches_users_otherwise(table.kind);
  cpu.may_know_others |= cpu.reaches_others;
  if (table.kind == TableKindName::space) state.trees.at(table.root).active_on.insert(lane);
  if (before && before->kind == TableKindName::space) {
    state.trees.at(before->root).active_on.erase(lane);
    state.touched.insert(before->root);
  }
  forget_all_but_global(cpu);
  auto keep_global = [&](const Tree& tree) {
    for (const auto& [at, mapping] : tree.mappings) {
      const Translation one = translation_of(at, mapping);
      if (one.global && may_be_kept(mapping, cpu.controls)) cpu.kept.insert(one);
    }
  };
  if (!before) return;
  if (!is_kernels(state, before->root)) keep_global(state.trees.at(before->root));
  if (has_kernel_half(before->kind) && !has_kernel_half(table.kind)) {
    keep_global(state.trees.at(state.shared[0]->root));
  }
}

bool allows(const State& state, Lane lane, const trace::CpuTouch&) {
  return state.cpus[lane].root.has_value();
}

Answer touch_at(State& state, Lane lane, const Touch& touch, const Answer& seen) {
  Processor& cpu = state.cpus[lane];
  const VirtPage page = touch.address / kPageBytes;
  if (!is_canonical(page)) return {{Status::general_protection}, {}};
  const bool walked = seen.reply.results[2] != 0;
  if (walked) return walk(state, lane, touch);

  std::vector<Translation> all = kept_of(cpu, page);
  const auto* const now = mapping_of(tree_for(state, *cpu.root, page), page);
  if (now != nullptr && may_be_kept(now->second, cpu.controls)) {
    all.push_back(translation_of(now->first, now->second));
  }
  const bool fits = std::ranges::any_of(all, [&](const Translation& one) {
    return can_use_kept(one, touch, cpu.controls) && use(one, touch, cpu.controls) == seen;
  });
  if (!fits) return walk(state, lane, touch);
  if (seen.reply.status == Status::page_fault) {
    forget(cpu, page);
    return seen;
  }
  // It keeps one by which that can be done.
  for (const Translation& one : kept_of(cpu, page)) {
    const bool could =
        can_use_kept(one, touch, cpu.controls) && use(one, touch, cpu.controls) == seen;
    if (!could) cpu.kept.erase(one);
  }
  return seen;
}

Answer step(State& state, Lane lane, const trace::CpuTouch& op, const Answer& seen) {
  const Access how{op.access.name, op.as_user.value(), op.ac.value()};
  return touch_at(state, lane, {trace::address_of(op.at), how}, seen);
}

bool allows(const State&, Lane, const trace::CpuControl&) { return true; }

Answer step(State& state, Lane lane, const trace::CpuControl& op, const Answer&) {
  Processor& cpu = state.cpus[lane];
  cpu.controls = {op.wp.value(), op.smep.value(), op.smap.value(), op.nxe.value()};
  forget_all(cpu);
  return {};
}

bool allows(const State&, Lane, const trace::CpuFlushPage&) { return true; }

Answer step(State& state, Lane lane, const trace::CpuFlushPage& op, const Answer&) {
  forget(state.cpus[lane], trace::address_of(op.at) / kPageBytes);
  return {};
}

bool allows(const State&, Lane, const trace::CpuFlushAll&) { return true; }

Answer step(State& state, Lane lane, const trace::CpuFlushAll& op, const Answer&) {
  Processor& cpu = state.cpus[lane];
  if (op.global.value()) {
    forget_all(cpu);
  } else {
    forget_all_but_global(cpu);
  }
  return {};
}

}  // namespace reference
