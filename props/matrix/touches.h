// SPDX-License-Identifier: MPL-2.0
// Random touches of a CPU (history.h), each of which must come to what the architecture permits:
//
//   A CPU that knows nothing of the address goes by the entries as they are. Then each bit of what
//   it shows is foretold by the simulated CPU and, where no reserved bit is set, by the reference.
//   If an entry was changed and nothing was forgotten, it may go by the old one as well, if it can
//   have kept that: of what is absent or reserved nothing is kept (SDM vol. 3A, 4.10.2.3), a page
//   fault forgets (4.10.4.1), and so does SMEP when it is set. Then flags that it has seen set need
//   not be set again; but who stores by what was not dirty sets the dirty flag, and for that goes
//   by the leaf as it is.
//
// So two CPUs of which no touch is wrong agree wherever they have no choice.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "props/matrix/allowed.h"
#include "props/matrix/history.h"
#include "props/matrix/simulated.h"

namespace props::matrix {

struct TouchFindings {
  std::uint64_t touches = 0, mismatches = 0;
  std::uint64_t had_choice = 0;   // An old entry was permitted, and would have been noticed;
  std::uint64_t went_by_old = 0;  // and it was.
  double seconds = 0;
  std::map<std::string, std::uint64_t> allowed{};  // As those of the matrix.
  std::vector<std::string> first{};                // Mismatches, each with all that led to it.
};

// The histories of a seed, for a CPU with that room.
class Touches {
 public:
  Touches(Simulated& oracle, const Room& room, std::span<const Allowance> allowances,
          std::uint64_t seed)
      : oracle_(oracle), room_(room), allowed_(allowances), seed_(seed) {}

  // The questions of the next ones, of about so many touches.
  std::vector<Question> next(std::uint64_t touches);
  // What came of them.
  void judge(std::span<const Reply> replies);

  TouchFindings take_findings() {
    findings_.allowed = allowed_.counts();
    return std::move(findings_);
  }
  std::uint64_t touches() const { return findings_.touches; }

 private:
  void judge(std::uint64_t number, const History& history, std::span<const Reply> seen);
  void tell(std::string words);

  Simulated& oracle_;
  Room room_;
  Allowed allowed_;
  std::uint64_t seed_;
  std::uint64_t first_ = 0;  // The number of the first in `histories_`.
  std::vector<History> histories_{};
  TouchFindings findings_{};
};

// As many touches as that, or two more. The oracle may be who is asked.
template <Prober P>
TouchFindings touch(P& prober, Simulated& oracle, std::uint64_t touches, std::uint64_t seed) {
  constexpr std::uint64_t kAtOnce = 500;
  const auto start = std::chrono::steady_clock::now();
  Touches all(oracle, prober.room(), allowances_of(prober), seed);
  while (all.touches() < touches) {
    const std::vector<Question> questions = all.next(std::min(kAtOnce, touches - all.touches()));
    std::vector<Reply> replies(questions.size());
    ask_all(prober, std::span<const Question>(questions), std::span<Reply>(replies));
    all.judge(replies);
  }
  TouchFindings findings = all.take_findings();
  findings.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return findings;
}

}  // namespace props::matrix
