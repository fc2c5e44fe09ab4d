// SPDX-License-Identifier: MPL-2.0
#include "check/rename.h"

#include <map>
#include <optional>
#include <utility>

#include "check/edits.h"

namespace check {

using trace::Call;
using trace::Choice;
using trace::Trace;

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

// What takes the place of an operation; none: it goes.
using Instead = std::optional<trace::Op>;

// A trace in which frame registers take the place of others.
class InFrames {
 public:
  explicit InFrames(Trace& trace) : trace_(trace) {
    for (const Call& call : trace.calls) used_.merge(registers_of(trace, call));
  }

  // Calls one after another; `instead` may ask all that follows.
  void rewrite(auto&& instead) {
    for (at_ = 0; at_ < trace_.calls.size();) {
      lane_ = lane_of(trace_, trace_.calls[at_]);
      if (const Instead op = std::visit(instead, trace_.calls[at_].op)) {
        trace_.calls[at_++].op = *op;
      } else {
        remove_calls(trace_, at_, at_ + 1);
      }
    }
  }

  // The frame register in the place of this lane's other register.
  trace::Frame of(auto place) { return {index_of(place)}; }

  // The call stays as it is.
  Instead itself() const { return trace_.calls[at_].op; }

  // What was moved between the two is in the frame register from the beginning.
  Instead move_out(auto from, trace::Frame to) {
    rename(trace_, at_ + 1, {lane_, trace::Frame::kLetter, to.index}, index_of(from));
    return std::nullopt;
  }
  Instead move_in(trace::Frame from, auto to) {
    index_of(to) = from.index;
    return std::nullopt;
  }

 private:
  std::uint8_t& index_of(auto place) {
    const auto [known, is_new] = frames_.try_emplace({lane_, place.kLetter, place.index}, 0);
    std::uint8_t& index = known->second;
    while (is_new && index + 1 < trace::Frame::kCount &&
           !used_.insert({lane_, trace::Frame::kLetter, index}).second) {
      ++index;
    }
    return index;
  }

  Trace& trace_;
  std::size_t at_ = 0;     // The call that is rewritten,
  std::uint8_t lane_ = 0;  // and whose it is.
  std::map<Named, std::uint8_t> frames_{};
  std::set<Named> used_{};
};

}  // namespace

std::uint8_t count_of(char letter) {
  std::uint8_t count = 0;
  Nouns::each([&]<class Noun>(std::type_identity<Noun>) {
    if constexpr (IsRegister<Noun>) {
      if (letter == Noun::kLetter) count = Noun::kCount;
    }
  });
  return count;
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

void number_pages_in_order(Trace& trace) {
  std::map<std::uint16_t, std::uint16_t> numbers;
  auto each_page = [&](auto&& use) {
    for (Call& call : trace.calls) {
      each_place(call.op, [&](trace::PhysPlace& at) {
        if (!at.is_outside())
          use(at, static_cast<std::uint16_t>(at.page % trace.machine.pages.raw));
      });
    }
  };
  each_page([&](trace::PhysPlace&, std::uint16_t page) { numbers[page] = 0; });
  std::uint16_t next = 0;
  for (auto& [page, number] : numbers) number = next++;
  each_page([&](trace::PhysPlace& at, std::uint16_t page) { at.page = numbers.at(page); });
}

void move_allocators_pages(Trace& trace, std::uint16_t down) {
  auto& [pages, loose, cpus, tables] = trace.machine;
  for (Call& call : trace.calls) {
    each_place(call.op, [&](trace::PhysPlace& at) {
      if (at.is_outside()) return;
      at.page = static_cast<std::uint16_t>(at.page % pages.raw);
      if (at.page >= loose.raw) at.page = static_cast<std::uint16_t>(at.page - down);
    });
  }
  pages.raw = static_cast<std::uint16_t>(pages.raw - down);
  loose.raw = static_cast<std::uint16_t>(loose.raw - down);
}

void merge_lists(Trace& trace, std::uint8_t from) {
  const trace::Kind its = trace::list_kind({from}), simplest = trace::list_kind({0});
  for (Call& call : trace.calls) {
    each_of<trace::List>(call.op, [&](trace::List& list) {
      if (list.index == from) list.index = 0;
    });
    each_of<trace::Kind>(call.op, [&](trace::Kind& kind) {
      if (kind == its) kind = simplest;
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
  InFrames frames(trace);
  frames.rewrite(Overloaded{
      [&](const trace::UniqueIntoShared& op) { return frames.move_out(op.from, op.to); },
      [&](const trace::UniqueTryFromFrame& op) { return frames.move_in(op.from, op.to); },
      [&](const trace::UniqueFromUnused& op) -> Instead {
        return trace::FrameFromUnused{op.at, op.kind, op.value, frames.of(op.to)};
      },
      [&](const trace::UniqueDrop& op) -> Instead { return trace::FrameDrop{frames.of(op.from)}; },
      [&](const trace::UniqueReset& op) -> Instead { return trace::FrameDrop{frames.of(op.from)}; },
      [&](const trace::UniqueReadMeta& op) -> Instead {
        return trace::FrameReadMeta{frames.of(op.from)};
      },
      [&](const trace::UniqueToDyn& op) -> Instead {
        return trace::FrameToDyn{frames.of(op.from)};
      },
      [&](const auto&) { return frames.itself(); },
  });
}

void frames_for_segments(Trace& trace) {
  InFrames frames(trace);
  frames.rewrite(Overloaded{
      [&](const trace::SegmentNext& op) { return frames.move_out(op.from, op.to); },
      [&](const trace::SegmentFromFrame& op) { return frames.move_in(op.from, op.to); },
      [](const trace::SegmentSplit&) -> Instead { return std::nullopt; },
      [&](const trace::SegmentFromUnused& op) -> Instead {
        return trace::FrameFromUnused{op.at, op.kind, op.value, frames.of(op.to)};
      },
      [&](const trace::AllocSegment& op) -> Instead {
        return trace::AllocFrame{op.kind, op.value, frames.of(op.to), op.zeroed};
      },
      [&](const trace::SegmentClone& op) -> Instead {
        return trace::FrameClone{frames.of(op.from), frames.of(op.to)};
      },
      [&](const trace::SegmentSlice& op) -> Instead {
        return trace::FrameClone{frames.of(op.from), frames.of(op.to)};
      },
      [&](const trace::SegmentDrop& op) -> Instead { return trace::FrameDrop{frames.of(op.from)}; },
      [&](const trace::SegmentIntoRaw& op) -> Instead {
        return trace::FrameIntoRaw{frames.of(op.from), {op.to.index}};
      },
      [&](const trace::SegmentFromRaw& op) -> Instead {
        return trace::FrameFromRaw{{op.from.index}, frames.of(op.to)};
      },
      [&](const trace::SegmentToDyn& op) -> Instead {
        return trace::FrameToDyn{frames.of(op.from)};
      },
      [&](const trace::SegmentTryFrom& op) -> Instead {
        return trace::FrameTryFrom{frames.of(op.from), op.kind};
      },
      [&](const trace::SegmentToUntyped& op) -> Instead {
        return trace::FrameToUntyped{frames.of(op.from)};
      },
      [&](const trace::BytesSegmentWrite& op) -> Instead {
        return trace::BytesWrite{frames.of(op.into), op.skip, op.length, op.value};
      },
      [&](const trace::BytesSegmentRead& op) -> Instead {
        return trace::BytesRead{frames.of(op.from), op.skip, op.length};
      },
      [&](const auto&) { return frames.itself(); },
  });
}

}  // namespace check
