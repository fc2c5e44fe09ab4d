// SPDX-License-Identifier: MPL-2.0
// What an example of an operation and of an outcome is: what was before, what is asked, and what
// must come of it by the specification.
#pragma once

#include <algorithm>
#include <optional>

#include "props/laws/bench.h"

namespace laws {

struct Example {
  const char* says;
  std::vector<Asked> prologue;
  Asked asked;
  trace::Answer answer{};
  std::optional<trace::Fact> leaves{};  // About one page, if that is of interest;
  std::uint16_t unused = 99;            // or a page of which there is nothing to be said.
  bool in_midst = false;  // The last operation of the prologue is left after its first phase.
  trace::Machine machine = kFourPages;
};

inline trace::Answer gives(std::initializer_list<std::uint64_t> results = {}) {
  trace::Answer answer;
  std::ranges::copy(results, answer.reply.results.begin());
  return answer;
}
inline trace::Answer refuses(Status status, trace::Code code = trace::Code::none) {
  return {{.status = status, .code = code}, {}};
}
inline trace::Answer and_gives_back(trace::Answer answer, std::uint16_t page) {
  answer.choices.given.push(page);
  return answer;
}
inline trace::Fact shared(std::uint16_t page, std::uint64_t count, KindName name,
                          trace::Usage usage, trace::Words words) {
  return trace::PageInUse{page, trace::Use::shared, count, 0, {name}, usage, words};
}
inline trace::Fact unique(std::uint16_t page, KindName name, trace::Usage usage,
                          trace::Words words) {
  return trace::PageInUse{page, trace::Use::unique, 0, 0, {name}, usage, words};
}

}  // namespace laws
