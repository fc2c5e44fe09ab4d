// SPDX-License-Identifier: MPL-2.0
// A read section: while it lives, this CPU runs nothing else, and passes no quiescent state. What
// was to be dropped later is not dropped before it ends (deferred.h).
#pragma once

#include <utility>

#include "impl/platform/platform.h"

namespace mm {

template <Platform P>
class ReadSection {
 public:
  ReadSection() noexcept : is_open_(true) { P::disable_preemption(); }
  ReadSection(ReadSection&& other) noexcept : is_open_(std::exchange(other.is_open_, false)) {}
  ReadSection& operator=(ReadSection&& other) noexcept {
    std::swap(is_open_, other.is_open_);
    return *this;
  }
  ~ReadSection() {
    if (is_open_) P::enable_preemption();
  }

 private:
  bool is_open_;
};

}  // namespace mm
