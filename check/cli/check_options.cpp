// SPDX-License-Identifier: MPL-2.0
#include "check/cli/check_options.h"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <rapidcheck/detail/Configuration.h>
#include <thread>

#include "check/cli/guest.h"
#include "check/cli/time.h"

namespace check::cli {

std::string settle(CheckOptions& options) {
  options.seed = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  bool has_cases = options.cases_given.has_value();
  if (const char* params = std::getenv("RC_PARAMS"); params != nullptr && *params != '\0') {
    rc::detail::Configuration config;
    config.testParams.seed = options.seed;
    config.testParams.maxSuccess = -1;
    config.testParams.maxSize = -1;
    try {
      config = rc::detail::configFromString(params, config);
    } catch (const rc::detail::ConfigurationException& error) {
      return std::string("RC_PARAMS: ") + error.what();
    }
    options.seed = config.testParams.seed;
    if (config.testParams.maxSize >= 0) {
      options.most_ops = static_cast<std::size_t>(config.testParams.maxSize) * 2;
    }
    if (config.testParams.maxSuccess >= 0) {
      options.cases = static_cast<std::uint64_t>(config.testParams.maxSuccess);
      has_cases = true;
    }
  }
  options.seed = options.seed_given.value_or(options.seed);
  options.cases = options.cases_given.value_or(options.cases);
  options.most_ops = options.most_ops_given.value_or(options.most_ops);
  if (!options.time_given.empty()) {
    const auto seconds = seconds_of(options.time_given);
    if (!seconds) return "--time: not a time: " + options.time_given + " (try 60s or 2m)";
    options.seconds = *seconds;
  } else if (has_cases) {
    options.seconds = 1e9;  // As many cases as asked for, however long they take.
  }
  // A guest needs a CPU of its own, beside that of who asks it.
  const unsigned each_needs = options.on == kOnGuest ? 2 : 1;
  if (options.jobs == 0) {
    options.jobs = std::max(1u, std::thread::hardware_concurrency() / each_needs);
  }
  options.jobs = std::min<unsigned>(options.jobs, kMostJobs);
  return "";
}

}  // namespace check::cli
