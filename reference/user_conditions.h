// SPDX-License-Identifier: MPL-2.0
// The words in which conditions on accesses to memory are written: what an operation on users'
// memory asks for, and each page that it touches.
#pragma once

#include "reference/area_conditions.h"

namespace reference {

inline constexpr std::uint64_t kUsersEnd = 0x0000'7fff'ffff'f000;
inline constexpr std::uint64_t kWord = 4;

// What an operation asks for, and where it stores.
struct Copy {
  trace::Table space{};
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;  // That are asked for,
  std::uint64_t most = 0;   // and that are copied at most.
  bool stores = false;
  bool is_word = false;
};

inline Copy copy_at(trace::Table space, trace::VirtPlace at, std::uint64_t bytes) {
  return {space, trace::address_of(at), bytes, std::min<std::uint64_t>(bytes, 8192)};
}
inline Copy with(Copy copy, bool stores, bool is_word) {
  copy.stores = stores;
  copy.is_word = is_word;
  return copy;
}
inline std::optional<Copy> copy_of(const Step& step) {
  if (const auto* op = as<trace::UserRead>(step)) {
    return copy_at(op->from, op->at, op->length.value());
  }
  if (const auto* op = as<trace::UserWrite>(step)) {
    return with(copy_at(op->into, op->at, op->length.value()), true, false);
  }
  if (const auto* op = as<trace::UserLoad>(step)) {
    return with(copy_at(op->from, op->at, kWord), false, true);
  }
  if (const auto* op = as<trace::UserExchange>(step)) {
    return with(copy_at(op->into, op->at, kWord), true, true);
  }
  return std::nullopt;
}

// As it was answered, of words too.
struct Told {
  std::uint64_t copied = 0;
  std::array<std::uint64_t, 3> pages{};
  std::uint64_t walked = 0;  // A bit for each page.
  std::uint64_t error = 0;
};
inline Told told_by(const Step& step) {
  const auto& results = step.answer.reply.results;
  const bool is_ok = step.answer.reply.status == trace::Status::ok;
  if (as<trace::UserLoad>(step)) return {is_ok ? kWord : 0, {results[1]}, results[2], results[3]};
  if (as<trace::UserExchange>(step))
    return {is_ok ? kWord : 0, {results[2]}, results[3], results[4]};
  return {results[0], {results[1], results[2], results[3]}, results[4], results[5]};
}

// A touch that a step makes of a page, and what was told of it, as cpu_touch tells it.
struct Touched {
  std::uint64_t address = 0;
  trace::AccessName name{};
  bool as_user = false;
  bool ac = false;
  trace::Reply reply{};
  VirtPage page() const { return address / kPageBytes; }
};
inline std::vector<Touched> touches_of(const Step& step) {
  using trace::AccessName;
  const trace::Reply& reply = step.answer.reply;
  if (const auto* op = as<trace::CpuTouch>(step)) {
    return {
        {trace::address_of(op->at), op->access.name, op->as_user.value(), op->ac.value(), reply}};
  }
  const std::optional<Copy> copy = copy_of(step);
  const bool is_fault = reply.status == trace::Status::page_fault;
  if (!copy || (!is_fault && !is_ok(step))) return {};
  const Told told = told_by(step);
  std::vector<Touched> touches;
  for (std::uint64_t done = 0; done < told.copied || (is_fault && done == told.copied);) {
    const std::size_t nth = touches.size();
    if (nth == told.pages.size()) break;
    const std::uint64_t address = copy->begin + done;
    const std::uint64_t offset = address % kPageBytes;
    Touched& one = touches.emplace_back(
        Touched{address, copy->stores ? AccessName::store : AccessName::load, false, true});
    const bool is_reached = done < told.copied;
    if (!is_reached) one.reply.status = trace::Status::page_fault;
    one.reply.results = {is_reached ? told.pages[nth] + offset : 0, is_reached ? 0 : told.error,
                         told.walked >> nth & 1};
    done += kPageBytes - offset;
  }
  return touches;
}

}  // namespace reference
