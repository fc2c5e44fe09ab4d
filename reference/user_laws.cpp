// SPDX-License-Identifier: MPL-2.0
// What is promised of the kernel's accesses to users' memory.
#include "reference/user_conditions.h"

namespace reference {

using trace::Code;
using trace::Status;
using trace::TableKindName;

namespace {

// Whether a CPU could come to a page by what it kept of an address, or by what is mapped there.
bool leads_to(const Step& step, const Copy& copy, VirtPage at, Page to) {
  const Processor& cpu = step.before.cpus[step.lane];
  const bool is_kept = std::ranges::any_of(cpu.kept, [&](const Translation& one) {
    return at >= one.begin && at - one.begin < span_of(one.level) &&
           one.to + (at - one.begin) == to && (!copy.stores || one.writable || !cpu.controls.wp);
  });
  const Tree& tree = step.before.trees.at(table_before(step, copy.space)->root);
  const auto found = tree.mappings.find(at);
  if (is_kept || found == tree.mappings.end()) return is_kept;
  const trace::Rights rights = found->second.property.rights;
  return found->second.to == to && rights.has(trace::Rights::kReadable) &&
         (!copy.stores || rights.has(trace::Rights::kWritable) || !cpu.controls.wp);
}

// Whether it is so said of a fault that it was the supervisor's.
bool is_supervisors(std::uint64_t error, bool stores) {
  constexpr std::uint64_t kWrite = 2, kUser = 4, kFetch = 16;
  return (error & (kUser | kFetch)) == 0 && ((error & kWrite) != 0) == stores;
}

// Where the i-th byte is.
struct Byte {
  Page page = 0;
  std::uint64_t at = 0;
};
Byte byte_at(const Copy& copy, const Told& told, std::uint64_t i) {
  const std::uint64_t address = copy.begin + i;
  const std::uint64_t nth = address / kPageBytes - copy.begin / kPageBytes;
  return {told.pages[nth] / kPageBytes, address % kPageBytes};
}

bool is_memory(const State& state, Page page) { return page < state.slots.size(); }
bool is_known(const State& state, Page page) {
  return is_memory(state, page) && !state.murky.contains(page);
}

// The bytes of all pages, and which of them are known, if the first `count` of a copy are written
// as `wanted` says of each.
bool writes_just(const Step& step, const Copy& copy, const Told& told, std::uint64_t count,
                 auto&& wanted) {
  std::map<Page, std::map<std::uint64_t, std::uint8_t>> written;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto [page, at] = byte_at(copy, told, i);
    if (is_memory(step.before, page)) written[page][at] = wanted(i);
  }
  for (Page page = 0; page < step.before.slots.size(); ++page) {
    const auto now = written.find(page);
    const bool is_all = now != written.end() && now->second.size() == kPageBytes;
    const bool is_murky = step.before.murky.contains(page) && !is_all;
    if (step.after.murky.contains(page) != is_murky) return false;
    if (is_murky || (now == written.end() && !step.after.written.contains(page))) continue;
    for (std::uint64_t at = 0; at < kPageBytes; ++at) {
      const bool is_written = now != written.end() && now->second.contains(at);
      const std::uint8_t byte = is_written ? now->second.at(at) : byte_of(step.before, page, at);
      if (byte_of(step.after, page, at) != byte) return false;
    }
  }
  return true;
}
bool writes_nothing(const Step& step) {
  return step.before.written == step.after.written && step.before.murky == step.after.murky;
}

std::optional<std::uint32_t> word_of(const Step& step, const Copy& copy, const Told& told) {
  std::uint32_t word = 0;
  for (std::uint64_t i = 0; i < kWord; ++i) {
    const auto [page, at] = byte_at(copy, told, i);
    if (!is_known(step.before, page)) return std::nullopt;
    word |= std::uint32_t{byte_of(step.before, page, at)} << 8 * i;
  }
  return word;
}

bool moves_what_is_there(const Step& step, const Copy& copy, const Told& told) {
  const auto& results = step.answer.reply.results;
  if (as<trace::UserRead>(step)) {
    std::uint64_t sum = 0;
    bool known = true;
    for (std::uint64_t i = 0; i < told.copied; ++i) {
      const auto [page, at] = byte_at(copy, told, i);
      known = known && is_known(step.before, page);
      if (known) sum += byte_of(step.before, page, at);
    }
    return writes_nothing(step) && (!known || results[6] == sum);
  }
  if (const auto* op = as<trace::UserWrite>(step)) {
    return writes_just(step, copy, told, told.copied, [&](std::uint64_t i) {
      return static_cast<std::uint8_t>(op->zeros.value() ? 0 : op->value.value() + i);
    });
  }
  if (told.copied == 0) {  // There is no word.
    const bool tells_none = results[0] == 0 && (!copy.stores || results[1] == 0);
    return writes_nothing(step) && tells_none;
  }
  const auto word = word_of(step, copy, told);
  if (word && results[0] != *word) return false;
  const auto* const op = as<trace::UserExchange>(step);
  if (op == nullptr) return writes_nothing(step);
  if (!word) return writes_nothing(step);
  const bool swaps = *word == static_cast<std::uint32_t>(op->expected.value());
  return results[1] == (swaps ? 1u : 0u) &&
         writes_just(step, copy, told, swaps ? kWord : 0, [&](std::uint64_t i) {
           return static_cast<std::uint8_t>(op->desired.value() >> 8 * i);
         });
}

// The bytes of a page as another state has them. Of what is no memory, none are kept.
void take_contents(State& state, const State& from, Page page) {
  if (!is_memory(state, page)) return;
  state.written.erase(page);
  state.murky.erase(page);
  if (from.murky.contains(page)) state.murky.insert(page);
  const auto found = from.written.find(page);
  if (found != from.written.end()) state.written[page] = found->second;
}

// Nothing else has changed: but what the CPU keeps, and what it has marked in the entries of the
// space that it went by (INV-47 and POST-41 speak of these).
bool changes_no_more(const Step& step, const Copy& copy, const Told& told) {
  const Page root = table_before(step, copy.space)->root;
  return changes_only(step, [&](State& state, Held&) {
    state.cpus[step.lane].kept = step.after.cpus[step.lane].kept;
    for (std::uint64_t i = 0; i < told.copied; ++i) {
      if (i != 0 && (copy.begin + i) % kPageBytes != 0) continue;
      take_contents(state, step.after, byte_at(copy, told, i).page);
      auto& mappings = state.trees.at(root).mappings;
      const auto before = mappings.find((copy.begin + i) / kPageBytes);
      if (before == mappings.end()) continue;
      const auto& after = step.after.trees.at(root).mappings;
      const auto now = after.find(before->first);
      if (now == after.end()) continue;
      unsigned may_mark = trace::Rights::kAccessed;
      if (copy.stores) may_mark |= trace::Rights::kDirty;
      auto& bits = before->second.property.rights.bits;
      bits = static_cast<std::uint8_t>(bits | (now->second.property.rights.bits & may_mark));
    }
  });
}

// What no result says of such an answer is 0; and which pages were walked for, of those there are.
bool is_told_rightly(const Step& step, const Copy& copy, const Told& told) {
  trace::Answer wanted = step.answer;
  wanted.reply.code = Code::none;
  wanted.choices = {};
  const std::uint64_t pages = (copy.begin % kPageBytes + told.copied + kPageBytes - 1) / kPageBytes;
  auto& results = wanted.reply.results;
  const std::size_t named = copy.is_word ? (copy.stores ? 5 : 4) : (copy.stores ? 6 : 7);
  for (std::size_t i = named; i < results.size(); ++i) results[i] = 0;
  const std::uint64_t walked = copy.is_word ? results[named - 2] : results[4];
  const bool are_pages =
      std::ranges::all_of(told.pages, [&](std::uint64_t page) { return page % kPageBytes == 0; });
  std::uint64_t reached = told.copied == 0 ? 0 : pages;
  for (std::uint64_t i = reached; i < told.pages.size(); ++i) {
    if (told.pages[i] != 0) return false;
  }
  const std::uint64_t touched = reached + (is_ok(step) ? 0 : 1);  // The page of the fault, too.
  return wanted == step.answer && are_pages && walked >> touched == 0;
}

}  // namespace

bool reaches_users_by_right(const Step& step) {
  const std::optional<Copy> copy = copy_of(step);
  if (!copy) return true;
  const TableHandle* const space = table_before(step, copy->space);
  if (space == nullptr || space->kind != TableKindName::space) return false;
  const auto& root = step.before.cpus[step.lane].root;
  const bool is_permitted = root && root->root == space->root && copy->begin <= kUsersEnd &&
                            kUsersEnd - copy->begin >= copy->bytes;
  if (!is_permitted) return refuses(step, Status::access_denied);
  if (step.before.cpus[step.lane].may_know_others) return false;
  if (copy->is_word && copy->begin % kWord != 0) {
    return refuses(step, Status::panicked, Code::misaligned);
  }
  const Told told = told_by(step);
  const bool is_whole = told.copied == copy->most;
  if (step.answer.reply.status != (is_whole ? Status::ok : Status::page_fault)) return false;
  if (told.copied > copy->most || (is_whole && told.error != 0)) return false;
  if (!is_whole && !is_supervisors(told.error, copy->stores)) return false;
  for (std::uint64_t i = 0; i < told.copied; ++i) {
    if (i != 0 && (copy->begin + i) % kPageBytes != 0) continue;
    const VirtPage at = (copy->begin + i) / kPageBytes;
    if (!leads_to(step, *copy, at, byte_at(*copy, told, i).page)) return false;
  }
  return moves_what_is_there(step, *copy, told) && changes_no_more(step, *copy, told) &&
         is_told_rightly(step, *copy, told);
}

}  // namespace reference
