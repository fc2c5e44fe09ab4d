// SPDX-License-Identifier: MPL-2.0
// A system under test as the verbs see it: what can be asked of it about a trace. So no verb is a
// template; main.h makes one of any system.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "check/report/report.h"

namespace check::cli {

// What came of one trace.
struct Judgement {
  std::optional<Report> report{};  // If it diverged: all but who found it.
  std::vector<Step> steps{};       // If it did not, and calls went alone: one a call.
  std::string undecided{};         // Why nothing can be said, if nothing can; a sentence.
  std::size_t schedules = 0;       // Tried, of lanes at once.
};

struct Subject {
  std::string name{};  // "mm on hosted"
  std::string on{};    // What `--on` calls it, if there are several: "hosted".
  // With all that a report needs.
  std::function<Judgement(const trace::Trace&)> judge{};
  // Whether it diverges, quickly. Of lanes at once the schedule is replaced by one that shows it.
  std::function<bool(trace::Trace&)> fails{};
  // Of a law; null if there is none of that id.
  std::function<const char*(const std::string&)> sentence_of{};
  // Options of its own, of each verb that can ask it; may be empty.
  std::function<void(CLI::App& verb)> add_options{};
};
// Verbs ask the first, unless another is named.
using Subjects = std::span<const Subject>;

}  // namespace check::cli
