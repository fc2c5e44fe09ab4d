// SPDX-License-Identifier: MPL-2.0
// A recording: traces, with what mm answered and the state it ended in. Flat, so that a program
// without containers can read it: a head, then each trace's head and its steps. Writer and reader
// are built from the same sources; the head says of which size their records are.
#pragma once

#include "trace/binary.h"
#include "trace/fact.h"
#include "trace/reply.h"

namespace msan {

struct TraceHead {
  trace::Machine machine;
  std::uint32_t steps;
  std::uint64_t state;  // See state_of(); 0 if the trace ended with an abort.
};

struct Step {
  trace::Record call;
  trace::Answer answer;
};

struct Head {
  std::array<char, 8> name = {'p', 'a', 'g', 'e', 't', 'w', 'i', 'n'};
  std::uint32_t trace_bytes = sizeof(TraceHead);
  std::uint32_t step_bytes = sizeof(Step);
  bool operator==(const Head&) const = default;
};

static_assert(std::is_trivially_copyable_v<TraceHead> && std::is_trivially_copyable_v<Step>);

// One number for values of any shape.
class Digest {
 public:
  template <class T>
  void add(const T& value) {
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      sum_ = (sum_ ^ static_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15;
      sum_ ^= sum_ >> 29;
    } else if constexpr (std::is_same_v<T, trace::Address>) {
      add(value.value);
    } else if constexpr (requires { value.begin(); }) {
      for (const auto& one : value) add(one);
    } else {
      T copy = value;
      copy.parts([&](const auto& part) { add(part); });
    }
  }
  std::uint64_t sum() const { return sum_; }

 private:
  std::uint64_t sum_ = 1;
};

// Of all facts, and of nothing else: what has no meaning is not initialised.
std::uint64_t state_of(const auto& system, const trace::Machine& machine) {
  Digest digest;
  for (std::uint64_t page = 0; page < machine.pages.value(); ++page) {
    system.observe(page, [&](const trace::Fact& fact) {
      digest.add(fact.index());
      std::visit(
          [&]<class T>(const T& one) {
            T::fields([&](const char*, auto member) { digest.add(one.*member); });
          },
          fact);
    });
  }
  return digest.sum();
}

}  // namespace msan
