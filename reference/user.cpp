// SPDX-License-Identifier: MPL-2.0
// Users' memory, as the kernel reaches it.
//
// Of the bytes of a page, the first is accessed as cpu_touch accesses it; the others are as that
// one, for the CPU keeps the page's translation then, or had it.
#include <algorithm>

#include "reference/access.h"
#include "reference/model.h"

namespace reference {

using trace::AccessName;
using trace::Status;
using trace::TableKindName;

namespace {

constexpr std::uint64_t kMostLength = 2 * kPageBytes;  // That a test copies at once.
constexpr std::uint64_t kUserEnd = (std::uint64_t{1} << 47) - kPageBytes;
constexpr std::uint64_t kWordBytes = 4;

bool may_ask(const State& state, Lane lane, trace::Table table) {
  const TableHandle* const space = table_at(state, lane, table);
  if (space == nullptr || space->kind != TableKindName::space || state.at_once) return false;
  const Processor& cpu = state.cpus[lane];
  return cpu.root != *space || !cpu.has_strange;
}

// Whether a reader or writer of so many bytes may be had.
bool may_reach(const State& state, Lane lane, trace::Table table, std::uint64_t address,
               std::uint64_t bytes) {
  return state.cpus[lane].root == *table_at(state, lane, table) && address <= kUserEnd &&
         bytes <= kUserEnd - address;
}
Answer deny() { return {{Status::access_denied}, {}}; }

Touch touch_by_kernel(std::uint64_t address, AccessName access) {
  return {.address = address, .access = access, .as_user = false, .ac = true};
}

// What a CPU has answered that reached a page, or that did not.
Answer reached(std::uint64_t page, std::uint64_t address, bool walked) {
  return {{.results = {page + address % kPageBytes, 0, walked ? 1u : 0u}}, {}};
}
Answer missed(std::uint64_t error, bool walked) {
  return {{.status = Status::page_fault, .results = {0, error, walked ? 1u : 0u}}, {}};
}

// ---- Copies ----

// What a copy answers before its own results.
enum CopyResult : std::uint8_t { copied, first, second, third, walked, error };

// Of a copy that was seen, what its page `which` came to, before which `done` bytes lie.
Answer page_of(const Answer& seen, std::uint64_t which, std::uint64_t address, std::uint64_t done) {
  const auto& results = seen.reply.results;
  const bool did_walk = (results[walked] >> which & 1) != 0;
  const bool is_miss = seen.reply.status == Status::page_fault && results[copied] <= done;
  return is_miss ? missed(results[error], did_walk)
                 : reached(results[first + which], address, did_walk);
}

// Goes over the bytes, a page at a time: calls `each(page, from, count, done)` for those reached.
Answer copy(State& state, Lane lane, std::uint64_t address, std::uint64_t bytes, AccessName access,
            const Answer& seen, auto&& each) {
  Answer answer;
  auto& results = answer.reply.results;
  std::uint64_t done = 0;
  for (std::uint64_t which = 0; done < bytes; ++which) {
    const std::uint64_t at = address + done;
    const Answer found =
        touch_at(state, lane, touch_by_kernel(at, access), page_of(seen, which, at, done));
    results[walked] |= found.reply.results[2] << which;
    if (found.reply.status != Status::ok) {
      answer.reply.status = found.reply.status;
      results[error] = found.reply.results[1];
      break;
    }
    const std::uint64_t to = found.reply.results[0];
    const std::uint64_t count = std::min(bytes - done, kPageBytes - at % kPageBytes);
    results[first + which] = to - to % kPageBytes;
    each(to / kPageBytes, to % kPageBytes, count, done);
    done += count;
  }
  results[copied] = done;
  return answer;
}

// ---- Bytes ----

bool is_memory(const State& state, Page page) { return page < state.machine.pages.raw; }
bool is_known(const State& state, Page page) {
  return is_memory(state, page) && !state.murky.contains(page);
}

// Whatever is written to a part of a page whose bytes are not known, that page is not known then.
void put(State& state, Page page, std::uint64_t at, const std::vector<std::uint8_t>& bytes) {
  if (!is_memory(state, page)) return;
  if (bytes.size() == kPageBytes) state.murky.erase(page);
  if (state.murky.contains(page)) return;
  const std::vector<std::uint8_t> at_first(kPageBytes, static_cast<std::uint8_t>(page));
  std::vector<std::uint8_t>& all = state.written.try_emplace(page, at_first).first->second;
  std::ranges::copy(bytes, all.begin() + static_cast<std::ptrdiff_t>(at));
}

// ---- Words ----

constexpr std::uint64_t page_at(std::uint64_t address) { return address - address % kPageBytes; }

// What a word's page came to, as it was seen.
struct SeenWord {
  Status status{};
  std::uint64_t page = 0;
  bool walked = false;
  std::uint64_t error = 0;
};

Answer touch_word(State& state, Lane lane, std::uint64_t address, AccessName access,
                  const SeenWord& seen) {
  const Answer as_touch = seen.status == Status::page_fault
                              ? missed(seen.error, seen.walked)
                              : reached(seen.page, address, seen.walked);
  return touch_at(state, lane, touch_by_kernel(address, access), as_touch);
}

// At a physical address.
std::uint64_t word_at(const State& state, std::uint64_t address) {
  const Page page = address / kPageBytes;
  if (!is_known(state, page)) return kNotKnown;
  std::uint64_t word = 0;
  for (std::uint64_t i = kWordBytes; i > 0; --i) {
    word = word << 8 | byte_of(state, page, address % kPageBytes + i - 1);
  }
  return word;
}
std::vector<std::uint8_t> bytes_of_word(std::uint64_t word) {
  std::vector<std::uint8_t> bytes(kWordBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(word >> 8 * i);
  }
  return bytes;
}

}  // namespace

bool allows(const State& state, Lane lane, const trace::UserRead& op) {
  return may_ask(state, lane, op.from);
}

Answer step(State& state, Lane lane, const trace::UserRead& op, const Answer& seen) {
  constexpr std::size_t kSum = 6;
  const std::uint64_t address = trace::address_of(op.at);
  if (!may_reach(state, lane, op.from, address, op.length.value())) return deny();
  std::uint64_t sum = 0;
  Answer answer =
      copy(state, lane, address, std::min(op.length.value(), kMostLength), AccessName::load, seen,
           [&](Page page, std::uint64_t at, std::uint64_t count, std::uint64_t) {
             if (!is_known(state, page)) sum = kNotKnown;
             for (std::uint64_t i = 0; i < count && sum != kNotKnown; ++i) {
               sum += byte_of(state, page, at + i);
             }
           });
  answer.reply.results[kSum] = sum;
  return answer;
}

bool allows(const State& state, Lane lane, const trace::UserWrite& op) {
  return may_ask(state, lane, op.into);
}

Answer step(State& state, Lane lane, const trace::UserWrite& op, const Answer& seen) {
  const std::uint64_t address = trace::address_of(op.at);
  if (!may_reach(state, lane, op.into, address, op.length.value())) return deny();
  return copy(state, lane, address, std::min(op.length.value(), kMostLength), AccessName::store,
              seen, [&](Page page, std::uint64_t at, std::uint64_t count, std::uint64_t done) {
                std::vector<std::uint8_t> bytes(count);
                for (std::uint64_t i = 0; i < count && !op.zeros.value(); ++i) {
                  bytes[i] = static_cast<std::uint8_t>(op.value.value() + done + i);
                }
                put(state, page, at, bytes);
              });
}

bool allows(const State& state, Lane lane, const trace::UserLoad& op) {
  return may_ask(state, lane, op.from);
}

Answer step(State& state, Lane lane, const trace::UserLoad& op, const Answer& seen) {
  const std::uint64_t address = trace::address_of(op.at);
  if (!may_reach(state, lane, op.from, address, kWordBytes)) return deny();
  if (address % kWordBytes != 0) return panic(trace::Code::misaligned);
  const auto& results = seen.reply.results;
  const Answer found = touch_word(state, lane, address, AccessName::load,
                                  {seen.reply.status, results[1], results[2] != 0, results[3]});
  const std::uint64_t to = found.reply.results[0];
  const std::uint64_t did_walk = found.reply.results[2];
  if (found.reply.status != Status::ok) {
    return {{.status = found.reply.status, .results = {0, 0, did_walk, found.reply.results[1]}},
            {}};
  }
  return {{.results = {word_at(state, to), page_at(to), did_walk}}, {}};
}

bool allows(const State& state, Lane lane, const trace::UserExchange& op) {
  return may_ask(state, lane, op.into);
}

// Of a word that is not known, the system says whether it was exchanged.
Answer step(State& state, Lane lane, const trace::UserExchange& op, const Answer& seen) {
  const std::uint64_t address = trace::address_of(op.at);
  if (!may_reach(state, lane, op.into, address, kWordBytes)) return deny();
  if (address % kWordBytes != 0) return panic(trace::Code::misaligned);
  const auto& results = seen.reply.results;
  const Answer found = touch_word(state, lane, address, AccessName::store,
                                  {seen.reply.status, results[2], results[3] != 0, results[4]});
  const std::uint64_t to = found.reply.results[0];
  const std::uint64_t did_walk = found.reply.results[2];
  if (found.reply.status != Status::ok) {
    return {{.status = found.reply.status, .results = {0, 0, 0, did_walk, found.reply.results[1]}},
            {}};
  }
  const std::uint64_t word = word_at(state, to);
  if (word == kNotKnown) return {{.results = {word, kNotKnown, page_at(to), did_walk}}, {}};
  const bool is_expected = word == static_cast<std::uint32_t>(op.expected.value());
  if (is_expected) put(state, to / kPageBytes, to % kPageBytes, bytes_of_word(op.desired.value()));
  return {{.results = {word, is_expected ? 1u : 0u, page_at(to), did_walk}}, {}};
}

}  // namespace reference
