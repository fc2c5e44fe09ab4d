// SPDX-License-Identifier: MPL-2.0
// How mm is asked about a lane's cursor.
#pragma once

#include "check/bind/property.h"
#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_change(Registers<P>& held) {
  return held.cursor.has() && held.cursor.may_change();
}

// In bytes, of the place where the cursor is.
mm::u64 length_of(const auto& cursor, trace::Length length) {
  return trace::bytes_of(length, cursor.virt_addr().value, cursor.end().value);
}

constexpr std::uint64_t number(trace::ItemName name) { return static_cast<std::uint64_t>(name); }

// The words of an item in the results from `first` on: what it is, where, and how it is mapped.
inline void show_item(trace::Reply& reply, std::size_t first, trace::ItemName name, mm::PhysAddr at,
                      const mm::PageProperty& how) {
  const trace::Property property = property_of(how);
  for (const std::uint64_t word :
       {number(name), at.value, std::uint64_t{property.rights.bits},
        std::uint64_t{property.privileged.bits}, static_cast<std::uint64_t>(property.cache.name)}) {
    reply.results[first++] = word;
  }
}

// Whether somebody else might change what areas have mapped.
inline bool would_change_areas(const trace::CursorOpen& op, trace::TableKindName kind) {
  return op.may_change.value() && kind == trace::TableKindName::kernel &&
         address_of(op.begin) < trace::kAreasEnd && address_of(op.end) > trace::kAreasBegin;
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorOpen& op) {
  if (!held.has_table(op.table) || held.cursor.has() || held.machine->must_wait()) return false;
  if (would_change_areas(op, held.table(op.table).kind())) return false;
  const bool has_flusher =
      op.may_change.value() && held.table(op.table).kind() == trace::TableKindName::space;
  return !has_flusher || !held.machine->goes_at_once;
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorOpen& op) {
  AnyTable<P>& any = held.table(op.table);
  const mm::VirtAddr begin{address_of(op.begin)}, end{address_of(op.end)};
  return any.with([&]<class C>(mm::PageTable<C>& table) {
    auto keep = [&](auto opened) -> trace::Reply {
      if (!opened.ok()) return {.status = status_of(opened.error())};
      auto cursor = opened.take();
      const mm::u64 level = cursor.level();
      held.cursor.put(any.kind(), std::move(cursor));
      return {.results = {level}};
    };
    return op.may_change.value() ? keep(ChangingCursor<C>::open(table, begin, end))
                                 : keep(mm::Cursor<C>::open(table, begin, end));
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorClose&) {
  return held.cursor.has();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorClose&) {
  held.cursor.close();
  return {};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorQuery&) {
  return held.cursor.has();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorQuery&) {
  return held.cursor.with([&](auto& cursor) -> trace::Reply {
    auto found = cursor.query();
    if (!found.ok()) {
      return {.status = status_of(found.error()), .results = {cursor.virt_addr().value}};
    }
    const auto [range, item] = found.take();
    trace::Reply reply{.results = {cursor.virt_addr().value, range.first.value, range.bytes()}};
    if (!item) {
      reply.status = trace::Status::none;
      return reply;
    }
    bool is_tracked = false;
    if constexpr (std::is_same_v<decltype(item->is_tracked), bool>) is_tracked = item->is_tracked;
    show_item(reply, 3, is_tracked ? trace::ItemName::tracked : trace::ItemName::untracked,
              item->at, item->property);
    return reply;
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorFindNext&) {
  return held.cursor.has();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorFindNext& op) {
  return held.cursor.with([&](auto& cursor) -> trace::Reply {
    const auto found = cursor.find_next(length_of(cursor, op.length));
    return {.status = found ? trace::Status::ok : trace::Status::none,
            .results = {cursor.virt_addr().value}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorJump&) {
  return held.cursor.has();
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorJump& op) {
  return held.cursor.with([&](auto& cursor) -> trace::Reply {
    const auto done = cursor.jump({address_of(op.to)});
    return {.status = done.ok() ? trace::Status::ok : status_of(done.error()),
            .results = {cursor.virt_addr().value}};
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorMapFrame& op) {
  return can_change(held) && can_map<P>(held.cursor.kind(), held.known(op.from));
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorMapFrame& op) {
  return held.cursor.with_mut([&]<class Cursor>(Cursor& cursor) -> trace::Reply {
    using C = typename Cursor::Config;
    if constexpr (C::Items::kMayOwn) {
      const mm::PhysAddr at = held.with(op.from, [](auto& frame) { return frame.start_paddr(); });
      // The item has the count of the register's handle, which stays where it is: so it is
      // still there if this panics. If the table took it, the register is emptied; if not, the
      // item is.
      using Handle = mm::Frame<P, typename C::Items::Tracked>;
      auto item = C::Items::Item::tracked(Handle::from_raw(at), property_of(op.property));
      const auto done = cursor.map(std::move(item));
      if (done.ok()) {
        held.frames.forget(op.from);
      } else {
        (void)std::move(item.frame).into_raw();
      }
      return {.status = done.ok() ? trace::Status::ok : status_of(done.error()),
              .results = {cursor.virt_addr().value}};
    } else {
      return {.status = trace::Status::impermissible};  // can_map() says no.
    }
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorMapRaw&) {
  return can_change(held);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorMapRaw& op) {
  return held.cursor.with_mut([&]<class Cursor>(Cursor& cursor) -> trace::Reply {
    auto item =
        Cursor::Item::untracked({address_of(op.at)}, op.level.value, property_of(op.property));
    const auto done = cursor.map(std::move(item));
    return {.status = done.ok() ? trace::Status::ok : status_of(done.error()),
            .results = {cursor.virt_addr().value}};
  });
}

// What a range form has done, beside where it stopped: `more` follow in the results.
trace::Reply reply_of(const mm::Progress& run, const auto& cursor, auto... more) {
  return {.status = run.stopped_by ? status_of(*run.stopped_by) : trace::Status::ok,
          .results = {cursor.virt_addr().value, more...}};
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorMapRun&) {
  return can_change(held);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorMapRun& op) {
  return held.cursor.with_mut([&](auto& cursor) {
    const mm::u64 length = length_of(cursor, op.length);
    const mm::Progress run =
        cursor.map_range({address_of(op.at)}, length, property_of(op.property));
    return reply_of(run, cursor, run.pages * mm::kPageSize);
  });
}

// Whether tables take frames of this type: as what their items are, or what can become that.
template <class C, class M>
inline constexpr bool kMayMap = false;
template <class C, class M>
requires(C::Items::kMayOwn) inline constexpr bool kMayMap<C, M> =
    std::same_as<M, typename C::Items::Tracked> || mm::ForgetsTo<M, typename C::Items::Tracked>;

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorMapSegment& op) {
  return can_change(held) && can_map<P>(held.cursor.kind(), held.known(op.from));
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorMapSegment& op) {
  return held.cursor.with_mut([&]<class Cursor>(Cursor& cursor) -> trace::Reply {
    return held.with(op.from, [&]<class M>(mm::Segment<P, M>& segment) -> trace::Reply {
      if constexpr (kMayMap<typename Cursor::Config, M>) {
        const mm::Progress run = cursor.map_segment(segment, property_of(op.property));
        const trace::Reply done = reply_of(run, cursor, run.pages);
        if (!run.stopped_by) held.segments.forget(op.from);
        return done;
      } else {
        return {.status = trace::Status::impermissible};  // can_map() says no.
      }
    });
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorTakeNext& op) {
  // Of a space nobody would flush what is taken out.
  return can_change(held) && !held.cursor.has_flusher() && !held.has(op.to);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorTakeNext& op) {
  const trace::Reply other{.status = trace::Status::impermissible};  // can_ask() says no.
  return held.cursor.with_mut_but(other, [&]<class C>(mm::CursorMut<C>& cursor) -> trace::Reply {
    auto taken = cursor.take_next(length_of(cursor, op.length));
    trace::Reply done{.results = {cursor.virt_addr().value}};
    if (!taken.ok()) {
      done.status = status_of(taken.error());
      return done;
    }
    auto fragment = taken.take();
    if (!fragment) {
      done.status = trace::Status::none;
      return done;
    }
    if (auto* stray = std::get_if<mm::StrayFragment<C>>(&*fragment)) {
      done.results[1] = stray->va.value;
      done.results[2] = stray->bytes;
      done.results[3] = number(trace::ItemName::stray);
      done.results[4] = (*stray->table).start_paddr().value;
      done.results[8] = stray->num_frames;
      return done;
    }
    auto& [va, waiting] = *std::get_if<mm::MappedFragment<C>>(&*fragment);
    auto item = std::move(waiting).into_inner();
    done.results[1] = va.value;
    done.results[2] = mm::page_size(item.level);
    show_item(done, 3, item.is_tracked() ? trace::ItemName::tracked : trace::ItemName::untracked,
              item.at, item.property);
    if constexpr (C::Items::kMayOwn) {
      if (item.is_tracked()) held.put(op.to, std::move(item.frame));
    }
    return done;
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorUnmap&) {
  return can_change(held);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorUnmap& op) {
  return held.cursor.with_mut([&]<class Cursor>(Cursor& cursor) {
    using C = typename Cursor::Config;
    mm::u64 pages = 0, tables = 0, frames = 0;
    // Whatever is not kept waits.
    const mm::Progress run =
        cursor.unmap(length_of(cursor, op.length), [&](const mm::Fragment<C>& taken) noexcept {
          if (auto* stray = std::get_if<mm::StrayFragment<C>>(&taken)) {
            ++tables;
            frames += stray->num_frames;
          } else {
            ++pages;
          }
        });
    return reply_of(run, cursor, pages, tables, frames);
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorProtectNext&) {
  return can_change(held);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorProtectNext& op) {
  return held.cursor.with_mut([&](auto& cursor) -> trace::Reply {
    auto done = cursor.protect_next(length_of(cursor, op.length), change_of(op.change));
    trace::Reply said{.results = {cursor.virt_addr().value}};
    if (!done.ok()) {
      said.status = status_of(done.error());
    } else if (const std::optional<mm::VirtRange> range = done.take()) {
      said.results[1] = range->first.value;
      said.results[2] = range->bytes();
    } else {
      said.status = trace::Status::none;
    }
    return said;
  });
}

template <class P>
bool can_ask(Registers<P>& held, const trace::CursorProtect&) {
  return can_change(held);
}
template <class P>
trace::Reply ask(Registers<P>& held, const trace::CursorProtect& op) {
  return held.cursor.with_mut([&](auto& cursor) {
    const mm::Progress run = cursor.protect(length_of(cursor, op.length), change_of(op.change));
    return reply_of(run, cursor, run.leaves, run.pages * mm::kPageSize);
  });
}

}  // namespace check
