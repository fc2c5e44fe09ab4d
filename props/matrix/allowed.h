// SPDX-License-Identifier: MPL-2.0
// What an engine does otherwise than the architecture has it, by name, and how often: a reply that
// is as it shall be but for that is no mismatch.
#pragma once

#include <map>
#include <string>

#include "props/matrix/question.h"

namespace props::matrix {

class Allowed {
 public:
  explicit Allowed(std::span<const Allowance> all) : all_(all) {}

  // Whether `is_right` holds of the reply as it were without what is allowed. Requires that it does
  // not hold of the reply.
  bool covers(const Question& question, Reply reply, auto&& is_right) {
    std::string_view used[kMost];
    std::size_t count = 0;
    for (const Allowance& one : all_) {
      const Reply before = reply;
      if (one.take_back != nullptr) one.take_back(question, reply);
      if (reply != before && count < kMost) used[count++] = one.name;
    }
    if (count == 0 || !is_right(reply)) return false;
    for (std::size_t i = 0; i < count; ++i) this->count(used[i]);
    return true;
  }

  bool has(std::string_view name) const {
    for (const Allowance& one : all_) {
      if (one.name == name) return true;
    }
    return false;
  }
  void count(std::string_view name) { ++counts_[std::string(name)]; }
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  static constexpr std::size_t kMost = 8;
  std::span<const Allowance> all_;
  std::map<std::string, std::uint64_t> counts_{};
};

}  // namespace props::matrix
