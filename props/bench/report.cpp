// SPDX-License-Identifier: MPL-2.0
#include "props/bench/report.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace bench {
namespace {

struct Spread {
  double median, min;
};

// Of one operation.
Spread spread_of(const Measured& one, double Nanoseconds::* which) {
  std::vector<double> all;
  for (const Nanoseconds& round : one.rounds) {
    all.push_back(round.*which / static_cast<double>(one.operations));
  }
  std::ranges::sort(all);
  return {all[all.size() / 2], all.front()};
}

std::string with_digits(double number, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << number;
  return out.str();
}
template <class T>
std::string or_dash(const std::optional<T>& number, int digits) {
  return number ? with_digits(static_cast<double>(*number), digits) : "-";
}

template <class T>
nlohmann::json or_null(const std::optional<T>& number) {
  return number ? nlohmann::json(*number) : nlohmann::json();
}
nlohmann::json json_of(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.min}};
}

}  // namespace

void show(const std::vector<Measured>& all, std::ostream& out) {
  const auto row = [&](auto... cells) {
    constexpr int kWidths[] = {7, 39, 10, 9, 8, 6, 8, 8};
    int at = 0;
    ((out << (at < 2 ? std::left : std::right) << std::setw(kWidths[at]) << cells << ' ', ++at),
     ...);
  };
  const auto end_row = [&](const char* bound) { out << ' ' << bound << '\n'; };
  row("", "", "ns median", "ns min", "instr.", "goal", "OSTD ns", "instr.");
  end_row("best bound");
  for (const Measured& one : all) {
    const Spread wall = spread_of(one, &Nanoseconds::wall);
    const Figures& figures = one.workload->figures;
    row(one.workload->name, one.workload->what, with_digits(wall.median, 2),
        with_digits(wall.min, 2), or_dash(one.instructions, 0),
        or_dash(figures.goal_instructions, 0), or_dash(figures.ostd_ns, 1),
        or_dash(figures.ostd_instructions, 0));
    end_row(*figures.bound == '\0' ? "-" : figures.bound);
  }
}

nlohmann::json json_of(const std::vector<Measured>& all, u64 frames) {
  nlohmann::json workloads = nlohmann::json::array();
  for (const Measured& one : all) {
    const Figures& figures = one.workload->figures;
    workloads.push_back(
        {{"name", one.workload->name},
         {"what", one.workload->what},
         {"operations", one.operations},
         {"rounds", one.rounds.size()},
         {"wall_ns", json_of(spread_of(one, &Nanoseconds::wall))},
         {"cpu_ns", json_of(spread_of(one, &Nanoseconds::cpu))},
         {"instructions", or_null(one.instructions)},
         {"goal_instructions", or_null(figures.goal_instructions)},
         {"ostd",
          {{"ns", or_null(figures.ostd_ns)}, {"instructions", or_null(figures.ostd_instructions)}}},
         {"bound", *figures.bound == '\0' ? nlohmann::json() : nlohmann::json(figures.bound)}});
  }
  return {{"format", 1}, {"frames", frames}, {"workloads", workloads}};
}

}  // namespace bench
