// SPDX-License-Identifier: MPL-2.0
#include "check/cli/findings.h"

#include <algorithm>
#include <sstream>

namespace check::cli {
namespace {

// After so many operations asked, each outcome should have been seen. Of lanes at once each
// schedule asks all of a trace's operations again, so there it takes more.
constexpr std::uint64_t kEnoughAlone = 400'000;
constexpr std::uint64_t kEnoughAtOnce = 4'000'000;

std::uint64_t operations_of(const Work& work) {
  return work.labels.asked() + work.labels.passed_over();
}

std::string short_number(double number) {
  std::ostringstream out;
  out.precision(3);
  if (number >= 1e9) {
    out << number / 1e9 << " G";
  } else if (number >= 1e6) {
    out << number / 1e6 << " M";
  } else if (number >= 1e4) {
    out << number / 1e3 << " k";
  } else {
    out << static_cast<std::uint64_t>(number);
  }
  return out.str();
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

std::string padded(std::string text, std::size_t width, bool right) {
  if (text.size() >= width) return text;
  return right ? std::string(width - text.size(), ' ') + text
               : text + std::string(width - text.size(), ' ');
}

void Work::add(const Work& other) {
  cases += other.cases;
  undecided += other.undecided;
  unconfirmed += other.unconfirmed;
  first_in_doubt = std::min(first_in_doubt, other.first_in_doubt);
  labels.add(other.labels);
}

std::string place_of(const CheckOptions& options, const props::Property& property,
                     std::uint64_t at) {
  const std::string name = property.name;
  return "case " + std::to_string(at) + " of \"" + name + "\" (again: --seed " +
         std::to_string(options.seed) + " --filter \"" + name + "\" --cases " +
         std::to_string(at + 1) + " --max-ops " + std::to_string(options.most_ops) + ')';
}

std::string Findings::progress() const {
  std::uint64_t cases = 0, asked = 0, seen = 0, possible = 0;
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work& work = works_[i];
    cases += work.cases;
    asked += work.labels.asked();
    for (const auto& [op, status] : props::outcomes_of(*selected_[i])) {
      ++possible;
      if (work.labels.count(op, status) > 0) ++seen;
    }
  }
  std::ostringstream out;
  out.precision(seconds_ < 10 ? 2 : 3);
  out << seconds_ << " s: " << short_number(double(cases)) << " cases, "
      << short_number(double(asked)) << " operations ("
      << short_number(double(asked) / std::max(seconds_, 0.001)) << "/s), " << seen << " of "
      << possible << " labels seen";
  return out.str();
}

std::vector<std::string> Findings::never_seen(std::size_t property) const {
  const Work& work = works_[property];
  std::vector<std::string> names;
  for (const auto& [op, status] : props::outcomes_of(*selected_[property])) {
    if (work.labels.count(op, status) > 0) continue;
    if (work.labels.count(op, trace::Status::declined) > 0) continue;
    names.push_back(std::string(trace::name_of(trace::blank_op(op))) + ' ' +
                    trace::kStatusNames[static_cast<std::size_t>(status)]);
  }
  return names;
}

std::string Findings::doubts() const {
  std::uint64_t undecided = 0, unconfirmed = 0;
  std::string first;
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work& work = works_[i];
    undecided += work.undecided;
    unconfirmed += work.unconfirmed;
    if (first.empty() && work.first_in_doubt != kNoCase)
      first = place_of(options_, *selected_[i], work.first_in_doubt);
  }
  if (first.empty()) return "";
  std::string what;
  if (unconfirmed > 0) {
    what = std::to_string(unconfirmed) +
           " failed once, and not again on a machine built from nothing; ";
  }
  if (undecided > 0) what += std::to_string(undecided) + " could not be decided; ";
  return what + "the first is " + first;
}

std::string Findings::ill_health() const {
  std::uint64_t cases = 0;
  for (std::size_t i = 0; i < selected_.size(); ++i) cases += works_[i].cases;
  if (cases == 0) return "there was no time for a single case";
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work& work = works_[i];
    const std::string name = selected_[i]->name;
    if (work.labels.passed_over() > work.labels.asked()) {
      return name + ": more than half of the operations were passed over";
    }
    if (work.labels.asked() < (selected_[i]->at_once ? kEnoughAtOnce : kEnoughAlone)) continue;
    if (const auto names = never_seen(i); !names.empty()) {
      return name + ": never seen: " + joined(names);
    }
  }
  return "";
}

void Findings::show(std::ostream& out) const {
  out << padded("property", 22) << padded("cases", 10, true) << padded("asked", 12, true)
      << padded("of", 8, true) << padded("outcomes", 12, true) << '\n';
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work& work = works_[i];
    const auto outcomes = props::outcomes_of(*selected_[i]);
    const auto seen = std::count_if(outcomes.begin(), outcomes.end(), [&](const auto& one) {
      return work.labels.count(one.op, one.status) > 0;
    });
    const double share = 100.0 * double(work.labels.asked()) /
                         double(std::max<std::uint64_t>(1, operations_of(work)));
    out << padded(selected_[i]->name, 22) << padded(short_number(double(work.cases)), 10, true)
        << padded(short_number(double(work.labels.asked())), 12, true)
        << padded(std::to_string(static_cast<int>(share)) + " %", 8, true)
        << padded(std::to_string(seen) + " of " + std::to_string(outcomes.size()), 12, true)
        << '\n';
    if (work.unconfirmed > 0) {
      out << "    in doubt: " << work.unconfirmed
          << " failed once, and not again on a machine built from nothing\n";
    }
    if (work.undecided > 0) {
      out << "    in doubt: " << work.undecided << " could not be decided\n";
    }
    if (options_.verbose) {
      if (const auto names = never_seen(i); !names.empty()) {
        out << "    never seen: " << joined(names) << '\n';
      }
      for (std::size_t op = 0; op < trace::kOpCount; ++op) {
        std::string line;
        for (std::size_t status = 0; status < trace::kStatusNames.size(); ++status) {
          const std::uint64_t count = work.labels.counts[op][status];
          if (count > 0)
            line +=
                std::string("  ") + trace::kStatusNames[status] + ' ' + short_number(double(count));
        }
        if (!line.empty()) {
          out << "    " << padded(trace::name_of(trace::blank_op(op)), 24) << line << '\n';
        }
      }
    }
  }
}

nlohmann::json Findings::json() const {
  nlohmann::json properties = nlohmann::json::array();
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work& work = works_[i];
    nlohmann::json outcomes = nlohmann::json::object();
    for (std::size_t op = 0; op < trace::kOpCount; ++op) {
      for (std::size_t at = 0; at < trace::kStatusNames.size(); ++at) {
        const std::uint64_t count = work.labels.counts[op][at];
        if (count > 0)
          outcomes[trace::name_of(trace::blank_op(op))][trace::kStatusNames[at]] = count;
      }
    }
    properties.push_back({{"name", selected_[i]->name},
                          {"sentence", selected_[i]->sentence},
                          {"cases", work.cases},
                          {"undecided", work.undecided},
                          {"unconfirmed", work.unconfirmed},
                          {"operations", operations_of(work)},
                          {"asked", work.labels.asked()},
                          {"outcomes", outcomes},
                          {"never_seen", never_seen(i)}});
  }
  return properties;
}

}  // namespace check::cli
