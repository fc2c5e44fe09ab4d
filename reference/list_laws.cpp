// SPDX-License-Identifier: MPL-2.0
// What is required and promised of linked lists of unique frames.
#include <set>

#include "reference/conditions.h"

namespace reference {

using trace::Status;

namespace {

const List& list_before(const Step& step, trace::List place) {
  return step.before.held[step.lane].at(place);
}

// What lies before the cursor, and from the cursor on: past the end, nothing.
struct Parts {
  std::vector<Page> fore{};
  std::vector<Page> rear{};

  std::vector<Page> all() const {
    std::vector<Page> pages = fore;
    pages.insert(pages.end(), rear.begin(), rear.end());
    return pages;
  }
};

Parts parts_at(const List& list, std::size_t cursor) {
  const auto at = list.pages.begin() + static_cast<std::ptrdiff_t>(cursor);
  return {{list.pages.begin(), at}, {at, list.pages.end()}};
}

// A list that needs its id, and has none yet, takes the next.
void need_id(State& state, List& list) {
  if (list.id != 0) return;
  list.id = state.next_list_id;
  state.next_list_id += 1;
}

void set(List& list, const Parts& parts) {
  list.pages = parts.all();
  if (list.cursor) list.cursor = parts.fore.size();
}

// The frame is now the last of what lies before the cursor, or the place that stands for one.
bool puts(const Step& step, trace::List place, trace::Unique from, std::size_t cursor) {
  const Handle* const handle = held_before(step, from);
  if (handle == nullptr || handle->knows != Knows::kind) return false;
  if (handle->kind != trace::list_kind(place)) return false;
  const Slot& slot = step.before.slots[handle->page];
  Parts parts = parts_at(list_before(step, place), cursor);
  parts.fore.push_back(handle->page);
  return slot.rc == kUnique && slot.in_list == 0 && answers(step) &&
         changes_only(step, [&](State& state, Held& held) {
           need_id(state, held.at(place));
           set(held.at(place), parts);
           state.slots[handle->page].in_list = held.at(place).id;
           held.at(from).reset();
         });
}

// The first of what lies from the cursor on is a unique frame again, if there is one.
bool takes(const Step& step, trace::List place, trace::Unique to, std::size_t cursor) {
  Parts parts = parts_at(list_before(step, place), cursor);
  if (parts.rear.empty()) return refuses(step, Status::none);
  const Page page = parts.rear.front();
  parts.rear.erase(parts.rear.begin());
  return answers(step, {page * kPageBytes}) && changes_only(step, [&](State& state, Held& held) {
           set(held.at(place), parts);
           state.slots[page].in_list = 0;
           held.at(to) = Handle{page, Knows::kind, trace::list_kind(place)};
         });
}

// The cursor stands at an index of the list from now on, or is closed.
bool moves_to(const Step& step, trace::List place, std::optional<std::size_t> cursor) {
  return answers(step) &&
         changes_only(step, [&](State&, Held& held) { held.at(place).cursor = cursor; });
}

// Where a page is in a list. Only a list that has its id is looked into, and a place that is no
// page is in none.
struct Search {
  bool needs_id = false;
  std::optional<std::size_t> found{};
};
Search search(const Step& step, trace::List place, trace::PhysPlace at) {
  const std::uint64_t address = step.before.machine.address(at);
  if (!is_aligned(address) || !is_within(step.before, address)) return {};
  const std::vector<Page>& pages = list_before(step, place).pages;
  Search result{.needs_id = true};
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (pages[i] == address / kPageBytes) result.found = i;
  }
  return result;
}

bool tells_whether_it_contains(const Step& step, const trace::ListContains& op) {
  const Search search_result = search(step, op.list, op.at);
  return answers(step, {search_result.found ? std::uint64_t{1} : 0}) &&
         changes_only(step, [&](State& state, Held& held) {
           if (search_result.needs_id) need_id(state, held.at(op.list));
         });
}

bool opens_where_it_is(const Step& step, const trace::ListCursorAt& op) {
  const Search search_result = search(step, op.list, op.at);
  const Status status = search_result.found ? Status::ok : Status::none;
  return step.answer == trace::Answer{{.status = status}, {}} &&
         changes_only(step, [&](State& state, Held& held) {
           if (search_result.needs_id) need_id(state, held.at(op.list));
           held.at(op.list).cursor = search_result.found;
         });
}

bool tells_the_size(const Step& step, const trace::ListSize& op) {
  const std::size_t size = list_before(step, op.list).pages.size();
  return answers(step, {size, size == 0 ? std::uint64_t{1} : 0}) && changes_nothing(step);
}

// The page at the cursor; none past the end, or if the cursor is not open.
std::optional<Page> current(const Step& step, trace::List place) {
  const List& list = list_before(step, place);
  if (!list.cursor || *list.cursor >= list.pages.size()) return std::nullopt;
  return list.pages[*list.cursor];
}

bool reads_the_word(const Step& step, const trace::ListCurrent& op) {
  const auto page = current(step, op.list);
  if (!page) return refuses(step, Status::none);
  const std::optional<Metadata>& metadata = step.before.slots[*page].storage;
  return metadata && answers(step, {metadata->words[0]}) && changes_nothing(step);
}

bool writes_the_word(const Step& step, const trace::ListWriteCurrent& op) {
  const auto page = current(step, op.list);
  if (!page) return refuses(step, Status::none);
  const std::optional<Metadata>& written = step.after.slots[*page].storage;
  return answers(step) && is_made_of(written, trace::list_kind(op.list), op.value.value()) &&
         changes_only(step, [&](State& state, Held&) { state.slots[*page].storage = written; });
}

bool is_sound(const State& state, const List& list, trace::Kind kind) {
  if (list.cursor && *list.cursor > list.pages.size()) return false;
  if (std::set(list.pages.begin(), list.pages.end()).size() != list.pages.size()) return false;
  return std::ranges::all_of(list.pages, [&](Page page) {
    if (page >= state.slots.size()) return false;
    const Slot& slot = state.slots[page];
    return slot.rc == kUnique && is_frame(slot.usage) && slot.vtable == kind && list.id != 0 &&
           slot.in_list == list.id;
  });
}

}  // namespace

bool lists_are_sound(const State& state) {
  for (const Held& held : state.held) {
    for (std::uint8_t i = 0; i < trace::List::kCount; ++i) {
      if (!is_sound(state, held.lists[i], trace::list_kind({i}))) return false;
    }
  }
  return true;
}

bool ids_name_lists(const State& state) {
  std::set<std::uint64_t> ids;
  for (const Held& held : state.held) {
    for (const List& list : held.lists) {
      if (list.id == 0) continue;
      if (!ids.insert(list.id).second || list.id >= state.next_list_id) return false;
      for (Page page = 0; page < state.slots.size(); ++page) {
        const bool is_element = std::ranges::count(list.pages, page) > 0;
        if ((state.slots[page].in_list == list.id) != is_element) return false;
      }
    }
  }
  return true;
}

bool only_listed_slots_say_so(const State& state, const Owners& owners, Page page) {
  return owners.listed > 0 || state.slots[page].in_list == 0;
}

bool puts_a_frame_in(const Step& step) {
  if (const auto* op = as<trace::ListPushFront>(step)) return puts(step, op->list, op->from, 0);
  if (const auto* op = as<trace::ListPushBack>(step)) {
    return puts(step, op->list, op->from, list_before(step, op->list).pages.size());
  }
  if (const auto* op = as<trace::ListInsertBefore>(step)) {
    const List& list = list_before(step, op->list);
    return list.cursor && puts(step, op->list, op->from, *list.cursor);
  }
  return true;
}

bool takes_a_frame_out(const Step& step) {
  if (const auto* op = as<trace::ListPopFront>(step)) return takes(step, op->list, op->to, 0);
  if (const auto* op = as<trace::ListPopBack>(step)) {
    const std::size_t size = list_before(step, op->list).pages.size();
    return takes(step, op->list, op->to, size - std::min<std::size_t>(size, 1));
  }
  if (const auto* op = as<trace::ListTakeCurrent>(step)) {
    const List& list = list_before(step, op->list);
    return list.cursor && takes(step, op->list, op->to, *list.cursor);
  }
  return true;
}

bool moves_forward(const Step& step) {
  const auto* const op = as<trace::ListMoveNext>(step);
  if (op == nullptr) return true;
  const List& list = list_before(step, op->list);
  if (!list.cursor) return false;
  const Parts parts = parts_at(list, *list.cursor);
  return moves_to(step, op->list, parts.rear.empty() ? 0 : parts.fore.size() + 1);
}

bool moves_backward(const Step& step) {
  const auto* const op = as<trace::ListMovePrev>(step);
  if (op == nullptr) return true;
  const List& list = list_before(step, op->list);
  if (!list.cursor) return false;
  const Parts parts = parts_at(list, *list.cursor);
  const bool is_at_front = parts.fore.empty();
  return moves_to(step, op->list, is_at_front ? list.pages.size() : parts.fore.size() - 1);
}

bool finds_what_is_in_it(const Step& step) {
  if (const auto* op = as<trace::ListContains>(step)) return tells_whether_it_contains(step, *op);
  if (const auto* op = as<trace::ListCursorAt>(step)) return opens_where_it_is(step, *op);
  return true;
}

bool goes_by_the_order(const Step& step) {
  if (const auto* op = as<trace::ListSize>(step)) return tells_the_size(step, *op);
  if (const auto* op = as<trace::ListCurrent>(step)) return reads_the_word(step, *op);
  if (const auto* op = as<trace::ListWriteCurrent>(step)) return writes_the_word(step, *op);
  if (const auto* op = as<trace::ListCursorFront>(step)) return moves_to(step, op->list, 0);
  if (const auto* op = as<trace::ListCursorBack>(step)) {
    const std::size_t size = list_before(step, op->list).pages.size();
    return moves_to(step, op->list, size - std::min<std::size_t>(size, 1));
  }
  if (const auto* op = as<trace::ListCursorClose>(step)) {
    return moves_to(step, op->list, std::nullopt);
  }
  return true;
}

bool drops_a_list(const Step& step) {
  const auto* const op = as<trace::ListDrop>(step);
  if (op == nullptr) return true;
  const std::vector<Page>& pages = list_before(step, op->list).pages;
  const Ends ends = ends_of(step.before, pages);
  return answers(step, {pages.size(), ends.count, ends.count, ends.found, ends.found, ends.sum},
                 given(pages)) &&
         changes_only(step, [&](State& state, Held& held) {
           for (const Page page : pages) {
             state.slots[page] = step.after.slots[page];  // POST-5 speaks of that.
             give_up(state, page);
           }
           held.at(op->list) = List{};
         });
}

}  // namespace reference
