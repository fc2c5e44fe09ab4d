// SPDX-License-Identifier: MPL-2.0
// How mm is asked for users' memory, and for copies of spaces.
#pragma once

#include "check/bind/bytes.h"
#include "impl/vm/fork.h"
#include "impl/vm/user.h"

namespace check {

// A space, of which it can be said what is reached by it.
template <class P>
bool can_reach(Registers<P>& held, trace::Table table) {
  if (held.machine->goes_at_once || !held.has_space(table)) return false;
  return !held.may_know_others || P::root() != held.table(table).space().root_paddr();
}

inline trace::Reply denied() { return {.status = trace::Status::access_denied}; }

// What came of a copy, which was the first access since what was reached was forgotten.
template <class P>
trace::Reply reply_of(mm::Result<mm::usize, mm::PageFault> copied) {
  const Reached& seen = P::reached();
  return {.status = copied.ok() ? trace::Status::ok : trace::Status::page_fault,
          .results = {copied.ok() ? copied.value() : copied.error().copied, seen.pages[0],
                      seen.pages[1], seen.pages[2], seen.walked, seen.error}};
}

// The pages of the machine that were written to.
template <class P>
void note_written(Registers<P>& held) {
  const Reached& seen = P::reached();
  for (mm::u64 i = 0; i < seen.count; ++i) {
    const mm::PhysAddr page{seen.pages[i]};
    if (page.value >= P::shape.pages.value() * mm::kPageSize) continue;
    held.touch_bytes(page, {page.value + mm::kPageSize});
  }
}

constexpr mm::usize bytes_of_copy(trace::Extent length) {
  return std::min<mm::u64>(length.value(), kMostBytes);
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UserRead& op) {
  return can_reach(held, op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UserRead& op) {
  auto reader =
      mm::UserReader<P>::open(held.table(op.from).space(), {address_of(op.at)}, op.length.value());
  if (!reader.ok()) return denied();
  Buffer buffer;
  mm::VmWriter<P> writer(std::span(buffer).first(bytes_of_copy(op.length)));
  P::reached() = {};
  trace::Reply reply = reply_of<P>(reader.value().read(writer));
  for (const mm::u8 byte : std::span(buffer).first(reply.results[0])) reply.results[6] += byte;
  return reply;
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UserWrite& op) {
  return can_reach(held, op.into);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UserWrite& op) {
  auto writer =
      mm::UserWriter<P>::open(held.table(op.into).space(), {address_of(op.at)}, op.length.value());
  if (!writer.ok()) return denied();
  const mm::usize wanted = bytes_of_copy(op.length);
  P::reached() = {};
  trace::Reply reply;
  if (op.zeros.value()) {
    reply = reply_of<P>(writer.value().fill_zeros(wanted));
  } else {
    Buffer buffer;
    mm::u64 value = op.value.value();
    for (mm::u8& byte : buffer) byte = static_cast<mm::u8>(value++);
    mm::VmReader<P> reader(std::span(buffer).first(wanted));
    reply = reply_of<P>(writer.value().write(reader));
  }
  note_written(held);
  return reply;
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UserLoad& op) {
  return can_reach(held, op.from);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UserLoad& op) {
  auto reader = mm::UserReader<P>::open(held.table(op.from).space(), {address_of(op.at)}, 4);
  if (!reader.ok()) return denied();
  P::reached() = {};
  auto word = reader.value().atomic_load();
  const Reached& seen = P::reached();
  if (!word.ok()) {
    return {.status = trace::Status::page_fault, .results = {0, 0, seen.walked, seen.error}};
  }
  return {.results = {word.value(), seen.pages[0], seen.walked}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::UserExchange& op) {
  return can_reach(held, op.into);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::UserExchange& op) {
  auto writer = mm::UserWriter<P>::open(held.table(op.into).space(), {address_of(op.at)}, 4);
  if (!writer.ok()) return denied();
  P::reached() = {};
  auto done = writer.value().atomic_compare_exchange(
      static_cast<mm::u32>(op.expected.value()), static_cast<mm::u32>(op.desired.value()));
  const Reached& seen = P::reached();
  if (!done.ok()) {
    return {.status = trace::Status::page_fault, .results = {0, 0, 0, seen.walked, seen.error}};
  }
  note_written(held);
  const auto [word, is_swapped] = done.value();
  return {.results = {word, is_swapped ? 1u : 0u, seen.pages[0], seen.walked}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::SpaceFork& op) {
  const Shared<P>& machine = *held.machine;
  return !machine.goes_at_once && held.has_space(op.from) && !held.own(op.to).has() &&
         !machine.must_wait();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::SpaceFork& op) {
  const auto& old = held.table(op.from).space();
  const mm::NodeView<Config<P, trace::TableKindName::space>> root(old.root_paddr());
  P::let_interrupt(root.meta().cpus().peek());
  auto forked = mm::fork(old);
  P::let_interrupt(0);
  if (!forked.ok()) return {.status = status_of(forked.error())};
  auto [copy, frames, devices, writable, cpus] = forked.take();
  const mm::u64 at = copy.root_paddr().value;
  held.own(op.to).put_as(trace::TableKindName::space, std::move(copy));
  return {.results = {at, frames, devices, writable, cpus}};
}

}  // namespace check
