// SPDX-License-Identifier: MPL-2.0
// The CPU of the guest (baremetal/), as one that can be asked: many questions a round trip.
#pragma once

#include <stdexcept>

#include "baremetal/host/qemu.h"
#include "props/matrix/question.h"

namespace props::matrix {

// The guest has ended, or hangs; and which question it was that it did not answer.
struct GuestEnded : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class GuestCpu {
 public:
  // May throw GuestEnded, as whatever asks.
  explicit GuestCpu(bare::Qemu& qemu);

  Room room() const { return room_; }
  Reply ask(const Question& question);
  void ask_all(std::span<const Question> questions, std::span<Reply> replies);

  // What QEMU does otherwise, by the names of baremetal/README.md.
  static std::span<const Allowance> allowances();

 private:
  void ask(std::size_t count, const Question* questions);

  bare::Qemu& qemu_;
  Room room_;
};

}  // namespace props::matrix
