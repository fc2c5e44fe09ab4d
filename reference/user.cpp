// SPDX-License-Identifier: MPL-2.0
// Users' memory, as the kernel reaches it for them: by the CPU's translations, page by page. What
// is true of the first byte of a page is true of all.
#include <algorithm>

#include "reference/access.h"
#include "reference/model.h"

namespace reference {

using trace::AccessName;
using trace::Status;
using trace::TableKindName;

namespace {

constexpr std::uint64_t kUsersEnd = (std::uint64_t{1} << 47) - kPageBytes;
constexpr std::uint64_t kMostCopied = 2 * kPageBytes;
constexpr std::uint64_t kWordBytes = 4;

// Where so many bytes of a user's memory are asked for.
struct Wanted {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

bool translates_by(const State& state, Lane lane, const TableHandle& space) {
  return state.cpus[lane].root && state.cpus[lane].root->root == space.root;
}

// Of a space; and not if the CPU might reach what is nobody's.
bool can_reach(const State& state, Lane lane, trace::Table place) {
  const TableHandle* const space = table_at(state, lane, place);
  if (state.at_once || space == nullptr || space->kind != TableKindName::space) return false;
  return !translates_by(state, lane, *space) || !state.cpus[lane].may_know_others;
}

bool is_permitted(const State& state, Lane lane, trace::Table place, const Wanted& wanted) {
  const bool is_users = wanted.address <= kUsersEnd && wanted.bytes <= kUsersEnd - wanted.address;
  return is_users && translates_by(state, lane, *table_at(state, lane, place));
}
Answer denied() { return {{Status::access_denied}, {}}; }

// The part of a page that was reached.
struct Reached {
  Page page = 0;
  std::uint64_t at = 0;  // In the page.
  std::uint64_t bytes = 0;
};

bool is_memory(const State& state, Page page) { return page < state.machine.pages.raw; }
bool is_known(const State& state, Page page) {
  return is_memory(state, page) && !state.murky.contains(page);
}

// Reaches all bytes, upwards, or up to the first that cannot be: calls `each(Reached)` for each
// page that was. The answer, as of a copy.
Answer reach(State& state, Lane lane, const Wanted& wanted, AccessName name, const Answer& seen,
             auto&& each) {
  Answer answer;
  auto& results = answer.reply.results;
  auto& [copied, first, second, third, walked, error, sum, eighth, ninth] = results;
  std::uint64_t address = wanted.address;
  for (std::size_t i = 0; copied < wanted.bytes; ++i) {
    const std::uint64_t in_page = address % kPageBytes;
    const std::uint64_t room = std::min(wanted.bytes - copied, kPageBytes - in_page);
    const std::uint64_t was_walked = seen.reply.results[4] >> i & 1;
    const bool was_last =
        seen.reply.status == Status::page_fault && seen.reply.results[0] == copied;
    Answer seen_here{{.results = {seen.reply.results[1 + i] + in_page, 0, was_walked}}, {}};
    if (was_last) {
      seen_here.reply = {.status = Status::page_fault,
                         .results = {0, seen.reply.results[5], was_walked}};
    }
    const Answer here = touch_at(state, lane, {address, {name, false, true}}, seen_here);
    walked |= here.reply.results[2] << i;
    if (here.reply.status != Status::ok) {
      answer.reply.status = here.reply.status;
      error = here.reply.results[1];
      break;
    }
    const std::uint64_t to = here.reply.results[0];
    results[1 + i] = to - in_page;
    each(Reached{to / kPageBytes, in_page, room});
    copied += room;
    address += room;
  }
  return answer;
}

// Puts bytes where a page was reached, `next()` each. Where no memory is they vanish; a part of a
// page whose bytes are not known does not make that page known.
void write(State& state, const Reached& reached, auto&& next) {
  if (!is_memory(state, reached.page)) {
    for (std::uint64_t i = 0; i < reached.bytes; ++i) (void)next();
    return;
  }
  if (reached.bytes == kPageBytes) state.murky.erase(reached.page);
  const bool known = is_known(state, reached.page);
  const std::vector<std::uint8_t> at_first(kPageBytes, static_cast<std::uint8_t>(reached.page));
  for (std::uint64_t i = 0; i < reached.bytes; ++i) {
    const std::uint8_t byte = next();
    if (!known) continue;
    auto& all = state.written.try_emplace(reached.page, at_first).first->second;
    all[reached.at + i] = byte;
  }
}

// The word that was reached, if it is known.
std::optional<std::uint32_t> word_at(const State& state, const Reached& reached) {
  if (!is_known(state, reached.page)) return std::nullopt;
  std::uint32_t word = 0;
  for (std::uint64_t i = kWordBytes; i > 0; --i) {
    word = word << 8 | byte_of(state, reached.page, reached.at + i - 1);
  }
  return word;
}

// As what a copy of a word answers, of an operation whose results from `first` on are its page,
// whether it was walked for, and the error.
Answer as_copy(const Answer& seen, std::size_t first) {
  const auto& results = seen.reply.results;
  const std::uint64_t copied = seen.reply.status == Status::ok ? kWordBytes : 0;
  return {{.status = seen.reply.status,
           .results = {copied, results[first], 0, 0, results[first + 1], results[first + 2]}},
          {}};
}

}  // namespace

bool allows(const State& state, Lane lane, const trace::UserRead& op) {
  return can_reach(state, lane, op.from);
}

Answer step(State& state, Lane lane, const trace::UserRead& op, const Answer& seen) {
  Wanted wanted{trace::address_of(op.at), op.length.value()};
  if (!is_permitted(state, lane, op.from, wanted)) return denied();
  wanted.bytes = std::min(wanted.bytes, kMostCopied);
  std::uint64_t sum = 0;
  bool known = true;
  Answer answer = reach(state, lane, wanted, AccessName::load, seen, [&](const Reached& reached) {
    known = known && is_known(state, reached.page);
    for (std::uint64_t i = 0; known && i < reached.bytes; ++i) {
      sum += byte_of(state, reached.page, reached.at + i);
    }
  });
  answer.reply.results[6] = known ? sum : kNotKnown;
  return answer;
}

bool allows(const State& state, Lane lane, const trace::UserWrite& op) {
  return can_reach(state, lane, op.into);
}

Answer step(State& state, Lane lane, const trace::UserWrite& op, const Answer& seen) {
  Wanted wanted{trace::address_of(op.at), op.length.value()};
  if (!is_permitted(state, lane, op.into, wanted)) return denied();
  wanted.bytes = std::min(wanted.bytes, kMostCopied);
  std::uint64_t value = op.value.value();
  auto next = [&]() -> std::uint8_t {
    return op.zeros.value() ? std::uint8_t{0} : static_cast<std::uint8_t>(value++);
  };
  return reach(state, lane, wanted, AccessName::store, seen,
               [&](const Reached& reached) { write(state, reached, next); });
}

bool allows(const State& state, Lane lane, const trace::UserLoad& op) {
  return can_reach(state, lane, op.from);
}

Answer step(State& state, Lane lane, const trace::UserLoad& op, const Answer& seen) {
  const Wanted wanted{trace::address_of(op.at), kWordBytes};
  if (!is_permitted(state, lane, op.from, wanted)) return denied();
  if (wanted.address % kWordBytes != 0) return panic(trace::Code::misaligned);
  std::uint64_t word = 0;
  const Answer done =
      reach(state, lane, wanted, AccessName::load, as_copy(seen, 1), [&](const Reached& reached) {
        const auto known = word_at(state, reached);
        word = known ? *known : kNotKnown;
      });
  const auto& results = done.reply.results;
  return {{.status = done.reply.status, .results = {word, results[1], results[4], results[5]}}, {}};
}

bool allows(const State& state, Lane lane, const trace::UserExchange& op) {
  return can_reach(state, lane, op.into);
}

Answer step(State& state, Lane lane, const trace::UserExchange& op, const Answer& seen) {
  const Wanted wanted{trace::address_of(op.at), kWordBytes};
  if (!is_permitted(state, lane, op.into, wanted)) return denied();
  if (wanted.address % kWordBytes != 0) return panic(trace::Code::misaligned);
  const auto expected = static_cast<std::uint32_t>(op.expected.value());
  auto desired = static_cast<std::uint32_t>(op.desired.value());
  std::uint64_t word = 0, swapped = 0;
  const Answer done =
      reach(state, lane, wanted, AccessName::store, as_copy(seen, 2), [&](const Reached& reached) {
        const auto known = word_at(state, reached);
        word = known ? *known : kNotKnown;
        swapped = !known ? kNotKnown : *known == expected ? 1u : 0u;
        if (!known || *known != expected) return;
        write(state, reached, [&] {
          const auto byte = static_cast<std::uint8_t>(desired);
          desired >>= 8;
          return byte;
        });
      });
  const auto& results = done.reply.results;
  return {
      {.status = done.reply.status, .results = {word, swapped, results[1], results[4], results[5]}},
      {}};
}

}  // namespace reference
