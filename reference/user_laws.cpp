// SPDX-License-Identifier: MPL-2.0
// What is promised of users' memory as the kernel reaches it (POST-40, B.9). What each access of a
// CPU's may come to is said by INV-47 and POST-41; here, what is made of it.
#include "reference/touch_conditions.h"

namespace reference {

using trace::AccessName;
using trace::Status;

namespace {

constexpr std::uint64_t kWord = 4;  // Bytes.
constexpr std::uint64_t kMostCopied = 2 * kPageBytes;
constexpr std::uint64_t kEnd = (std::uint64_t{1} << 47) - kPageBytes;  // Of users' memory.

// What an operation asks for, and where its results tell of that.
struct Request {
  trace::Table space{};
  std::uint64_t address = 0;
  std::uint64_t asked = 0;  // Bytes,
  std::uint64_t most = 0;   // and how many of them are moved.
  AccessName access{};
  std::size_t pages = 0;  // The results.
  std::size_t walked = 0;
  std::size_t error = 0;
  bool is_word = false;
};

Request copy_of(trace::Table space, trace::VirtPlace at, trace::Extent length, AccessName access) {
  return {.space = space,
          .address = trace::address_of(at),
          .asked = length.value(),
          .most = std::min(length.value(), kMostCopied),
          .access = access,
          .pages = 1,
          .walked = 4,
          .error = 5};
}
Request word_of(trace::Table space, trace::VirtPlace at, AccessName access, std::size_t pages) {
  return {.space = space,
          .address = trace::address_of(at),
          .asked = kWord,
          .most = kWord,
          .access = access,
          .pages = pages,
          .walked = pages + 1,
          .error = pages + 2,
          .is_word = true};
}

std::optional<Request> request_of(const Step& step) {
  if (const auto* op = as<trace::UserRead>(step)) {
    return copy_of(op->from, op->at, op->length, AccessName::load);
  }
  if (const auto* op = as<trace::UserWrite>(step)) {
    return copy_of(op->into, op->at, op->length, AccessName::store);
  }
  if (const auto* op = as<trace::UserLoad>(step)) {
    return word_of(op->from, op->at, AccessName::load, 1);
  }
  if (const auto* op = as<trace::UserExchange>(step)) {
    return word_of(op->into, op->at, AccessName::store, 2);
  }
  return std::nullopt;
}

bool is_of_space(const Step& step, const Request& request) {
  const TableHandle* const space = table_before(step, request.space);
  return space != nullptr && space->kind == trace::TableKindName::space;
}

bool may_be_had(const Step& step, const Request& request) {
  const auto& root = step.before.cpus[step.lane].root;
  if (!root || root->root != table_before(step, request.space)->root) return false;
  // The sum may be beyond 2^64.
  const std::uint64_t end = request.address + request.asked;
  return end >= request.address && end <= kEnd;
}

// ---- Bytes, one by one ----

// Where the bytes of the pages that were reached are, upwards.
std::vector<std::uint64_t> places_of(const std::vector<Accessed>& all, const Request& request) {
  std::vector<std::uint64_t> places;
  for (std::uint64_t i = 0; i < request.most; ++i) {
    const std::uint64_t at = request.address + i;
    for (const Accessed& one : all) {
      if (one.faulted() || one.page() != at / kPageBytes) continue;
      places.push_back(one.to() - one.to() % kPageBytes + at % kPageBytes);
    }
  }
  return places;
}

bool is_known(const State& state, std::uint64_t place) {
  return is_within(state, place) && !state.murky.contains(place / kPageBytes);
}

std::uint8_t byte_at(const State& state, std::uint64_t place) {
  return byte_of(state, place / kPageBytes, place % kPageBytes);
}

// Puts a byte where memory is. Of a page that is not known, nothing is.
void put(State& state, std::uint64_t place, std::uint64_t value) {
  const Page page = place / kPageBytes;
  if (!is_known(state, place)) return;
  std::vector<std::uint8_t>& bytes = state.written[page];
  for (std::size_t i = bytes.size(); i < kPageBytes; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(page));
  }
  bytes[place % kPageBytes] = static_cast<std::uint8_t>(value);
}

// A page that is written whole is known: all its bytes stand together.
void know_what_is_written_whole(State& state, const std::vector<std::uint64_t>& places,
                                std::size_t from) {
  const std::uint64_t first = places[from];
  const bool is_whole = first % kPageBytes == 0 && places.size() - from >= kPageBytes;
  if (is_whole && is_within(state, first)) state.murky.erase(first / kPageBytes);
}

// What the accesses leave to other conditions.
void take_accesses(const Step& step, State& state) {
  state.cpus[step.lane].kept = step.after.cpus[step.lane].kept;
  state.trees = step.after.trees;
}

// ---- Copies ----

// What a copy answers that has made these accesses; what it says besides is left.
trace::Answer answer_of(const std::vector<Accessed>& all, const Request& request) {
  trace::Answer wanted;
  auto& results = wanted.reply.results;
  results[0] = places_of(all, request).size();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].walked()) results[request.walked] |= std::uint64_t{1} << i;
    if (all[i].faulted()) {
      wanted.reply.status = Status::page_fault;
      results[request.error] = all[i].answer.reply.results[1];
    } else {
      results[request.pages + i] = all[i].to() - all[i].to() % kPageBytes;
    }
  }
  return wanted;
}

bool reads(const Step& step, const Request& request) {
  const std::vector<Accessed> all = user_accesses(step);
  trace::Answer wanted = answer_of(all, request);
  std::uint64_t sum = 0;
  bool known = true;
  for (const std::uint64_t place : places_of(all, request)) {
    known = known && is_known(step.before, place);
    if (known) sum += byte_at(step.before, place);
  }
  wanted.reply.results[6] = known ? sum : kNotKnown;
  return is_answer(step, wanted) &&
         changes_only(step, [&](State& state, Held&) { take_accesses(step, state); });
}

bool writes(const Step& step, const Request& request, const trace::UserWrite& op) {
  const std::vector<Accessed> all = user_accesses(step);
  const std::vector<std::uint64_t> places = places_of(all, request);
  return is_answer(step, answer_of(all, request)) && changes_only(step, [&](State& state, Held&) {
           take_accesses(step, state);
           for (std::size_t i = 0; i < places.size(); ++i) {
             know_what_is_written_whole(state, places, i);
             put(state, places[i], op.zeros.value() ? 0 : op.value.value() + i);
           }
         });
}

// ---- Words ----

std::uint64_t word_at(const State& state, std::uint64_t place) {
  if (!is_known(state, place)) return kNotKnown;
  std::uint64_t word = 0;
  for (std::uint64_t i = 0; i < kWord; ++i)
    word |= std::uint64_t{byte_at(state, place + i)} << 8 * i;
  return word;
}

std::uint64_t lower_half(trace::Count count) { return count.value() % (std::uint64_t{1} << 32); }

bool moves_word(const Step& step, const Request& request) {
  const std::vector<Accessed> all = user_accesses(step);
  if (all.size() != 1) return false;
  const Accessed& one = all[0];
  trace::Answer wanted;
  auto& results = wanted.reply.results;
  results[request.walked] = one.walked() ? 1 : 0;
  if (one.faulted()) {
    wanted.reply.status = Status::page_fault;
    results[request.error] = one.answer.reply.results[1];
    return is_answer(step, wanted) &&
           changes_only(step, [&](State& state, Held&) { take_accesses(step, state); });
  }
  const std::uint64_t word = word_at(step.before, one.to());
  results[0] = word;
  results[request.pages] = one.to() - one.to() % kPageBytes;
  const auto* const exchange = as<trace::UserExchange>(step);
  const bool is_expected = exchange && word == lower_half(exchange->expected);
  if (exchange != nullptr) results[1] = word == kNotKnown ? kNotKnown : is_expected ? 1 : 0;
  return is_answer(step, wanted) && changes_only(step, [&](State& state, Held&) {
           take_accesses(step, state);
           for (std::uint64_t i = 0; i < kWord && is_expected; ++i) {
             put(state, one.to() + i, exchange->desired.value() >> 8 * i);
           }
         });
}

}  // namespace

std::vector<Accessed> user_accesses(const Step& step) {
  const std::optional<Request> request = request_of(step);
  const auto& [status, code, results] = step.answer.reply;
  std::vector<Accessed> all;
  if (!request || (status != Status::ok && status != Status::page_fault)) return all;
  const std::uint64_t copied = request->is_word ? 0 : results[0];
  std::uint64_t done = 0;
  for (std::size_t i = 0; done < request->most; ++i) {
    Accessed one{.touch = {request->address + done, request->access, false, true}};
    auto& told = one.answer.reply;
    const std::uint64_t offset = one.touch.address % kPageBytes;
    if (status == Status::page_fault && copied <= done) told.status = Status::page_fault;
    told.results[2] = results[request->walked] >> i & 1;
    if (one.faulted()) {
      told.results[1] = results[request->error];
    } else {
      told.results[0] = results[request->pages + i] + offset;
    }
    all.push_back(one);
    if (one.faulted()) break;
    done += kPageBytes - offset;
  }
  return all;
}

bool reaches_users_memory(const Step& step) {
  const std::optional<Request> request = request_of(step);
  if (!request) return true;
  if (!is_of_space(step, *request)) return false;
  if (!may_be_had(step, *request)) return refuses(step, Status::access_denied);
  if (request->is_word) return step.answer.reply.status != Status::access_denied;
  if (const auto* op = as<trace::UserWrite>(step)) return writes(step, *request, *op);
  return reads(step, *request);
}

bool moves_users_words(const Step& step) {
  const std::optional<Request> request = request_of(step);
  if (!request || !request->is_word) return true;
  if (step.answer.reply.status == Status::access_denied) return changes_nothing(step);
  if (request->address % kWord != 0) return panics(step, trace::Code::misaligned);
  return moves_word(step, *request);
}

}  // namespace reference
