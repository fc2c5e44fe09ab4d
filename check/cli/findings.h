// SPDX-License-Identifier: MPL-2.0
// What a run of `check` has done and seen so far, property by property, and what is to be said of
// it.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "check/cli/check_options.h"
#include "check/tally.h"
#include "props/properties.h"

namespace check::cli {

// What has been done for one property. Plain: processes share it.
struct Work {
  std::uint64_t cases = 0;
  std::uint64_t undecided = 0, unconfirmed = 0;  // Of these: see props::Doubt.
  std::uint64_t first_in_doubt = kNoCase;
  Tally labels{};

  void add(const Work& other);
};

// A case, and how to go there again.
std::string place_of(const CheckOptions& options, const props::Property& property,
                     std::uint64_t at);

// Filled with blanks on the right, or on the left if `right`.
std::string padded(std::string text, std::size_t width, bool right = false);

class Findings {
 public:
  // Of so many seconds; works[i] is for selected[i].
  Findings(const CheckOptions& options, const std::vector<const props::Property*>& selected,
           std::vector<Work> works, double seconds)
      : options_(options), selected_(selected), works_(std::move(works)), seconds_(seconds) {}

  std::string progress() const;        // A line.
  void show(std::ostream& out) const;  // A table.
  nlohmann::json json() const;         // The same, for programs.

  // Empty if every case either agreed or gave a counterexample.
  std::string doubts() const;

  // Empty if the traces asked what they should.
  std::string ill_health() const;

 private:
  // The outcomes that a property should have had: "frame_clone aborted".
  std::vector<std::string> never_seen(std::size_t property) const;

  const CheckOptions& options_;
  const std::vector<const props::Property*>& selected_;
  std::vector<Work> works_;
  double seconds_;
};

}  // namespace check::cli
