// SPDX-License-Identifier: MPL-2.0
#include "check/rename.h"

#include <map>
#include <utility>

#include "check/edits.h"

namespace check {

using trace::Call;
using trace::Choice;
using trace::Trace;

std::uint8_t count_of(char letter) {
  return letter == trace::Frame::kLetter    ? trace::Frame::kCount
         : letter == trace::Unique::kLetter ? trace::Unique::kCount
                                            : trace::Raw::kCount;
}

std::uint8_t lane_of(const Trace& trace, const Call& call) { return trace.machine.lane(call.lane); }

std::set<Named> registers_of(const Trace& trace, const Call& call) {
  std::set<Named> names;
  each_register(call.op, [&](char letter, std::uint8_t index) {
    names.insert({lane_of(trace, call), letter, index});
  });
  return names;
}

void rename(Trace& trace, std::size_t first, Named from, std::uint8_t to) {
  for (std::size_t i = first; i < trace.calls.size(); ++i) {
    if (lane_of(trace, trace.calls[i]) != from.lane) continue;
    each_register(trace.calls[i].op, [&](char letter, std::uint8_t& index) {
      if (letter == from.letter && index == from.index) index = to;
    });
  }
}

void number_registers(Trace& trace) {
  std::map<Named, std::uint8_t> numbers;
  std::map<std::pair<std::uint8_t, char>, std::uint8_t> next;
  for (Call& call : trace.calls) {
    const std::uint8_t lane = lane_of(trace, call);
    each_register(call.op, [&](char letter, std::uint8_t& index) {
      const auto [known, is_new] = numbers.try_emplace({lane, letter, index}, 0);
      if (is_new) known->second = next[{lane, letter}]++;
      index = known->second;
    });
  }
}

void number_pages(Trace& trace) {
  std::map<std::uint16_t, std::uint16_t> numbers;
  for (Call& call : trace.calls) {
    each_place(call.op, [&](trace::PhysPlace& at) {
      if (at.is_outside()) return;
      const auto page = static_cast<std::uint16_t>(at.page % trace.machine.pages.raw);
      at.page = numbers.try_emplace(page, static_cast<std::uint16_t>(numbers.size())).first->second;
    });
  }
}

void merge_lanes(Trace& trace, std::uint8_t from, std::uint8_t to) {
  std::map<Named, std::uint8_t> numbers;
  std::map<char, std::set<std::uint8_t>> used;
  for (const Call& call : trace.calls) {
    for (const Named& name : registers_of(trace, call)) {
      if (name.lane == to) used[name.letter].insert(name.index);
    }
  }
  for (Call& call : trace.calls) {
    if (lane_of(trace, call) != from) continue;
    each_register(call.op, [&](char letter, std::uint8_t& index) {
      const auto [known, is_new] = numbers.try_emplace({to, letter, index}, index);
      if (is_new) {
        std::uint8_t free = 0;
        while (used[letter].contains(free)) ++free;
        if (free < count_of(letter)) used[letter].insert(known->second = free);
      }
      index = known->second;
    });
    call.lane.index = to;
  }
}

void number_lanes(Trace& trace) {
  std::map<std::uint8_t, std::uint8_t> numbers;
  auto number_of = [&](std::uint8_t lane) {
    return numbers.try_emplace(lane, static_cast<std::uint8_t>(numbers.size())).first->second;
  };
  for (Call& call : trace.calls) call.lane.index = number_of(lane_of(trace, call));
  for (Choice& choice : trace.schedule) choice.where.lane = number_of(choice.where.lane);
  trace.machine.cpus.count = static_cast<std::uint8_t>(std::max<std::size_t>(1, numbers.size()));
}

void share_all(Trace& trace) {
  std::map<Named, std::uint8_t> frames;  // By unique register: the frame register in its place.
  std::set<Named> used;
  for (const Call& call : trace.calls) used.merge(registers_of(trace, call));
  auto frame_for = [&](std::uint8_t lane, trace::Unique place) -> std::uint8_t& {
    const auto [known, is_new] = frames.try_emplace({lane, place.kLetter, place.index}, 0);
    std::uint8_t& index = known->second;
    while (is_new && index + 1 < trace::Frame::kCount &&
           !used.insert({lane, trace::Frame::kLetter, index}).second) {
      ++index;
    }
    return index;
  };
  for (std::size_t i = 0; i < trace.calls.size();) {
    const std::uint8_t lane = lane_of(trace, trace.calls[i]);
    trace::Op& op = trace.calls[i].op;
    auto frame_of = [&](auto& one) { return trace::Frame{frame_for(lane, one.from)}; };
    if (const auto* share = std::get_if<trace::UniqueIntoShared>(&op)) {
      const auto [from, to] = *share;
      rename(trace, i + 1, {lane, trace::Frame::kLetter, to.index}, frame_for(lane, from));
      remove_calls(trace, i, i + 1);
      continue;
    }
    if (const auto* own = std::get_if<trace::UniqueTryFromFrame>(&op)) {
      frame_for(lane, own->to) = own->from.index;
      remove_calls(trace, i, i + 1);
      continue;
    }
    if (const auto* make = std::get_if<trace::UniqueFromUnused>(&op)) {
      op = trace::FrameFromUnused{make->at, make->kind, make->value, {frame_for(lane, make->to)}};
    } else if (const auto* drop = std::get_if<trace::UniqueDrop>(&op)) {
      op = trace::FrameDrop{frame_of(*drop)};
    } else if (const auto* reset = std::get_if<trace::UniqueReset>(&op)) {
      op = trace::FrameDrop{frame_of(*reset)};
    } else if (const auto* read = std::get_if<trace::UniqueReadMeta>(&op)) {
      op = trace::FrameReadMeta{frame_of(*read)};
    } else if (const auto* forget = std::get_if<trace::UniqueToDyn>(&op)) {
      op = trace::FrameToDyn{frame_of(*forget)};
    }
    ++i;
  }
}

}  // namespace check
