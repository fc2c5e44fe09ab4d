// SPDX-License-Identifier: MPL-2.0
// What CPUs may do by themselves: said of what they may keep, before and after.
#include "reference/user_conditions.h"

namespace reference {

using trace::AccessName;
using trace::Rights;
using trace::Status;
using trace::TableKindName;

namespace {

bool covers(const Translation& one, VirtPage page) {
  return page >= one.begin && page - one.begin < span_of(one.level);
}

// What a page is mapped to, as a translation says it; accessed or not is all the same.
struct Leads {
  Page to = 0;
  bool writable = false;
  bool executable = false;
  bool user = false;
  bool global = false;
  bool dirty = false;
  bool operator==(const Leads&) const = default;
};

Leads leads_to(const Translation& one, VirtPage page) {
  return {
      one.to + (page - one.begin), one.writable, one.executable, one.user, one.global, one.dirty};
}
Leads leads_to(const Lookup& found) {
  const trace::Property& property = found.property;
  return {found.to,
          property.rights.has(Rights::kWritable),
          property.rights.has(Rights::kExecutable),
          property.privileged.has(trace::Privileged::kUser),
          property.privileged.has(trace::Privileged::kGlobal),
          property.rights.has(Rights::kDirty)};
}

// Whether a CPU may keep a translation at all.
bool may_keep(const Lookup& found, const Controls& controls) {
  const Rights rights = found.property.rights;
  return rights.has(Rights::kReadable) && (controls.nxe || rights.has(Rights::kExecutable));
}

// The roots of the tables by which a CPU translates.
std::vector<Page> roots_of(const State& state, const Processor& cpu) {
  std::vector<Page> roots;
  if (!cpu.root) return roots;
  roots.push_back(cpu.root->root);
  if (is_users(cpu.root->kind)) roots.push_back(state.shared[0]->root);
  return roots;
}

std::optional<Lookup> look_up(const State& state, const Processor& cpu, VirtPage page) {
  std::optional<Lookup> found;
  for (const Page root : roots_of(state, cpu)) {
    const Tree& tree = state.trees.at(root);
    for_each_stretch(tree, tree, page, page + 1,
                     [&](VirtPage, VirtPage, const auto& one, const auto&) {
                       if (one) found = one;
                     });
  }
  return found;
}

// Whether all that a translation says was so, by a table by which the CPU translated.
bool was_so(const Step& step, const Processor& cpu, const Translation& one) {
  return std::ranges::any_of(roots_of(step.before, cpu), [&](Page root) {
    const Tree& tree = step.before.trees.at(root);
    bool all_so = true;
    for_each_stretch(tree, tree, one.begin, one.begin + span_of(one.level),
                     [&](VirtPage at, VirtPage, const auto& found, const auto&) {
                       all_so &= found && may_keep(*found, cpu.controls) &&
                                 leads_to(*found) == leads_to(one, at);
                     });
    return all_so;
  });
}

bool keeps(const Processor& cpu, VirtPage page, const Leads& leads) {
  return std::ranges::any_of(cpu.kept, [&](const Translation& one) {
    return covers(one, page) && leads_to(one, page) == leads;
  });
}

// Whether a translation that was is so no more.
bool is_lost(const Lookup& was, const std::optional<Lookup>& now, const Controls& controls) {
  if (!now || !may_keep(*now, controls)) return true;
  Leads before = leads_to(was);
  const Leads after = leads_to(*now);
  before.dirty |= after.dirty;  // That a page is dirty, a CPU may not know yet.
  return before != after;
}

bool is_included(const std::set<Translation>& inner, const std::set<Translation>& outer) {
  return std::ranges::includes(outer, inner);
}

// What is kept after a step is what was, less what is said.
bool keeps_but(const Step& step, auto&& forgets) {
  std::set<Translation> wanted = step.before.cpus[step.lane].kept;
  std::erase_if(wanted, forgets);
  return wanted == step.after.cpus[step.lane].kept;
}

// Why an access faults, as an error code; none if it does not. Intel SDM vol. 3A, sections 5.6
// and 5.7.
std::optional<std::uint64_t> error_of(const Touched& touch, const Controls& controls,
                                      const std::optional<Leads>& page, bool is_reserved) {
  const bool w = touch.name == AccessName::store;
  const bool u = touch.as_user;
  const bool i = touch.name == AccessName::fetch;
  const std::uint64_t code =
      (w ? 2u : 0u) + (u ? 4u : 0u) + (i && (controls.nxe || controls.smep) ? 16u : 0u);
  if (!page) return code;
  if (is_reserved) return code + 9;
  bool permitted = page->user;
  if (!u) {
    const bool is_kept_out = i ? controls.smep : controls.smap && !touch.ac;
    permitted = !page->user || !is_kept_out;
  }
  if (w && !page->writable && (u || controls.wp)) permitted = false;
  if (i && controls.nxe && !page->executable) permitted = false;
  return permitted ? std::nullopt : std::optional(code + 1);
}

// Whether the answer is that of an access by a page, or of one where there is none.
bool answers_touch(const Step& step, const Touched& touch, const std::optional<Leads>& page,
                   bool is_reserved, bool walked) {
  const auto error = error_of(touch, step.before.cpus[step.lane].controls, page, is_reserved);
  trace::Reply wanted{.status = error ? Status::page_fault : Status::ok};
  if (error) wanted.results[1] = *error;
  if (!error) wanted.results[0] = page->to * kPageBytes + touch.address % kPageBytes;
  wanted.results[2] = walked ? 1 : 0;
  return touch.reply == wanted;
}

bool touches_by_what_is_kept(const Step& step, const Touched& touch,
                             const std::optional<Lookup>& now) {
  const Processor& cpu = step.before.cpus[step.lane];
  auto serves = [&](const Leads& leads) {
    const bool walks =
        touch.name == AccessName::store && !leads.dirty && touch.reply.status == Status::ok;
    return !walks && answers_touch(step, touch, leads, false, false);
  };
  const auto& kept = step.after.cpus[step.lane].kept;
  const bool by_now = now && may_keep(*now, cpu.controls) && serves(leads_to(*now));
  bool by_kept = false;
  bool still_kept = false;
  for (const Translation& one : cpu.kept) {
    if (!covers(one, touch.page()) || !serves(leads_to(one, touch.page()))) continue;
    by_kept = true;
    still_kept |= kept.contains(one);
  }
  return (by_now || by_kept) && (by_now || still_kept || touch.reply.status != Status::ok);
}

// A fault makes the CPU forget the page; an access, at most other translations of it.
bool forgets_by_touches(const Step& step, const std::vector<Touched>& touches) {
  const auto& before = step.before.cpus[step.lane].kept;
  const auto& after = step.after.cpus[step.lane].kept;
  return is_included(after, before) && std::ranges::all_of(before, [&](const Translation& one) {
           bool is_touched = false, is_forgotten = false;
           for (const Touched& touch : touches) {
             if (!covers(one, touch.page())) continue;
             is_touched = true;
             is_forgotten |= touch.reply.status == Status::page_fault;
           }
           if (is_forgotten) return !after.contains(one);
           return is_touched || after.contains(one);
         });
}

bool is_canonical(std::uint64_t address) {
  const std::uint64_t top = address >> 47;
  return top == 0 || top == 0x1'ffff;
}

}  // namespace

bool kept_translations_are_whole(const State& state) {
  return std::ranges::all_of(state.cpus, [](const Processor& cpu) {
    return std::ranges::all_of(cpu.kept, [&](const Translation& one) {
      if (one.level < 1 || one.level > 3) return false;
      const std::uint64_t span = span_of(one.level);
      return one.begin % span == 0 && one.to % span == 0 && one.to <= kPhysEnd - span &&
             is_canonical(one.begin * kPageBytes) && (one.global || cpu.root);
    });
  });
}

namespace {

bool touches_rightly(const Step& step, const Touched& touch) {
  const Processor& cpu = step.before.cpus[step.lane];
  const std::optional<Lookup> now = look_up(step.before, cpu, touch.page());
  if (touch.reply.results[2] == 0) return touches_by_what_is_kept(step, touch, now);
  const bool is_present = now && now->property.rights.has(Rights::kReadable);
  const bool is_reserved = is_present && !may_keep(*now, cpu.controls);
  const auto leads = is_present ? std::optional(leads_to(*now)) : std::nullopt;
  return answers_touch(step, touch, leads, is_reserved, true);
}

}  // namespace

bool touches_rightly(const Step& step) {
  const auto* const op = as<trace::CpuTouch>(step);
  const std::vector<Touched> touches = touches_of(step);
  if (op == nullptr && touches.empty()) return true;
  if (!step.before.cpus[step.lane].root) return false;
  if (op != nullptr && !is_canonical(trace::address_of(op->at))) {
    return refuses(step, Status::general_protection);
  }
  const bool all_right = std::ranges::all_of(
      touches, [&](const Touched& touch) { return touches_rightly(step, touch); });
  if (!all_right || !forgets_by_touches(step, touches)) return false;
  // Of users' memory, POST-40 says what else may change.
  return op == nullptr || (chooses_nothing(step) && changes_only(step, [&](State& state, Held&) {
                             state.cpus[step.lane].kept = step.after.cpus[step.lane].kept;
                             state.trees = step.after.trees;  // POST-41 speaks of that.
                           }));
}

bool walk_marks_the_entry(const Step& step) {
  const std::vector<Touched> touches = touches_of(step);
  const bool is_of_users = copy_of(step).has_value();
  if (as<trace::CpuTouch>(step) == nullptr && !is_of_users) return true;
  auto wanted = step.before.trees;
  for (const Touched& touch : touches) {
    if (touch.reply.status != Status::ok || touch.reply.results[2] == 0) continue;
    const VirtPage page = touch.page();
    for (const Page root : roots_of(step.before, step.before.cpus[step.lane])) {
      for (auto& [at, mapping] : wanted.at(root).mappings) {
        if (page < at || page - at >= span_of(mapping.level)) continue;
        mapping.property.rights.bits |= Rights::kAccessed;
        if (touch.name == AccessName::store) mapping.property.rights.bits |= Rights::kDirty;
      }
    }
  }
  return wanted == step.after.trees;
}

namespace {

// What a step makes a CPU forget because it was told to.
std::vector<Flushes> flushes_of(const Step& step, Lane lane) {
  const Processor& cpu = step.before.cpus[lane];
  const bool is_own = lane == step.lane;
  if (is_of_areas(step)) {
    const Flushes flushes = flushed_everywhere(step);
    if (!flushes.any() || lane >= step.before.machine.cpus.count) return {};
    std::vector<Flushes> told = is_own ? std::vector<Flushes>{} : cpu.queue;
    told.push_back(flushes);
    return told;
  }
  if (as<trace::CpuInterrupt>(step) || as<trace::Quiesce>(step)) {
    return is_own ? cpu.queue : std::vector<Flushes>{};
  }
  if (as<trace::TlbSync>(step)) {
    return cpu.told_by.contains(step.lane) ? cpu.queue : std::vector<Flushes>{};
  }
  if (const auto* const op = as<trace::SpaceFork>(step)) {
    const Tree& old = step.before.trees.at(table_before(step, op->from)->root);
    const bool takes_rights = std::ranges::any_of(old.mappings, [](const auto& one) {
      return one.second.tracked && one.second.property.rights.has(Rights::kWritable);
    });
    if (!is_ok(step) || !takes_rights || !old.active_on.contains(lane)) return {};
    std::vector<Flushes> told = is_own ? std::vector<Flushes>{} : cpu.queue;
    told.push_back({.pages = {}, .all = true});
    return told;
  }
  const Cursor* const cursor = cursor_before(step);
  if (!is_own || cursor == nullptr) return {};
  const bool translates = step.before.trees.at(cursor->root).active_on.contains(lane);
  return translates ? std::vector{dispatched_by(step)} : std::vector<Flushes>{};
}

bool any_covers(const std::vector<Flushes>& all, VirtPage page, bool is_global) {
  return std::ranges::any_of(all, [&](const Flushes& one) {
    return (one.all && (one.global || !is_global)) || names(one, page);
  });
}

// Whether a CPU that does these forgets a translation.
bool has_to_go(const std::vector<Flushes>& all, const Translation& one) {
  Processor cpu{.kept = {one}};
  for (const Flushes& flushes : all) forget_by(cpu, flushes);
  return cpu.kept.empty();
}

}  // namespace

// Neither more than was so, nor less. What a CPU itself forgets is for others; what it is told to,
// it forgets.
bool keeps_what_was_so(const Step& step) {
  if (!is_answered(step)) return true;
  const bool forgets = as<trace::CpuTouch>(step) || as<trace::CpuControl>(step) ||
                       as<trace::CpuFlushPage>(step) || as<trace::CpuFlushAll>(step) ||
                       as<trace::TableActivate>(step) || copy_of(step).has_value();
  for (Lane lane = 0; lane < step.before.cpus.size(); ++lane) {
    const Processor& before = step.before.cpus[lane];
    const Processor& after = step.after.cpus[lane];
    for (const Translation& one : after.kept) {
      if (!before.kept.contains(one) && !was_so(step, before, one)) return false;
    }
    if (forgets && lane == step.lane) continue;
    const std::vector<Flushes> told = flushes_of(step, lane);
    const bool all_kept_still = std::ranges::all_of(before.kept, [&](const Translation& one) {
      return after.kept.contains(one) != has_to_go(told, one);
    });
    if (!all_kept_still) return false;
    bool all_kept = true;
    for (const Page root : roots_of(step.before, before)) {
      const auto now = step.after.trees.find(root);
      if (now == step.after.trees.end()) return false;
      for_each_stretch(step.before.trees.at(root), now->second, 0, kVirtEnd,
                       [&](VirtPage at, VirtPage, const auto& was, const auto& is) {
                         if (!was || !may_keep(*was, before.controls)) return;
                         if (!is_lost(*was, is, before.controls)) return;
                         const Leads leads = leads_to(*was);
                         all_kept &= keeps(after, at, leads) || any_covers(told, at, leads.global);
                       });
    }
    if (!all_kept) return false;
  }
  return true;
}

bool forgets_translations(const Step& step) {
  const auto* const page = as<trace::CpuFlushPage>(step);
  const auto* const all = as<trace::CpuFlushAll>(step);
  if (page == nullptr && all == nullptr) return true;
  const bool are_right = page != nullptr ? keeps_but(step,
                                                     [&](const Translation& one) {
                                                       const auto at = trace::address_of(page->at);
                                                       return covers(one, at / kPageBytes);
                                                     })
                                         : keeps_but(step, [&](const Translation& one) {
                                             return all->global.value() || !one.global;
                                           });
  return are_right && answers(step) && changes_only(step, [&](State& state, Held&) {
           Processor& cpu = state.cpus[step.lane];
           cpu.kept = step.after.cpus[step.lane].kept;
           const bool is_everything = all != nullptr && all->global.value();
           if (is_everything) cpu.may_know_others = cpu.reaches_others;
         });
}

bool sets_controls(const Step& step) {
  const Processor& before = step.before.cpus[step.lane];
  const Processor& after = step.after.cpus[step.lane];
  if (const auto* op = as<trace::CpuControl>(step)) {
    return answers(step) && changes_only(step, [&](State& state, Held&) {
             Processor& cpu = state.cpus[step.lane];
             cpu.controls.wp = op->wp.value();
             cpu.controls.smep = op->smep.value();
             cpu.controls.smap = op->smap.value();
             cpu.controls.nxe = op->nxe.value();
             cpu.kept = {};
             cpu.may_know_others = cpu.reaches_others;
           });
  }
  if (as<trace::TableActivate>(step) == nullptr || !is_answered(step)) return true;
  if (before.root == after.root) return before.kept == after.kept;
  // Only what is global survives: what was kept, and what the CPU translates by no more.
  const std::vector<Page> now = roots_of(step.after, after);
  bool all_kept = true;
  for (const Translation& one : before.kept) all_kept &= !one.global || after.kept.contains(one);
  for (const Translation& one : after.kept) all_kept &= one.global;
  for (const Page root : roots_of(step.before, before)) {
    if (std::ranges::count(now, root) > 0) continue;
    for (const auto& [at, mapping] : step.before.trees.at(root).mappings) {
      const Lookup found{mapping.to, mapping.property, mapping.tracked};
      const Leads leads = leads_to(found);
      if (leads.global && may_keep(found, before.controls)) all_kept &= keeps(after, at, leads);
    }
  }
  return all_kept;
}

}  // namespace reference
