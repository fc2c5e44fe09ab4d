// SPDX-License-Identifier: MPL-2.0
// msan_replay FILE [FAULT]: asks mm what was asked when the file was recorded, under
// MemorySanitizer. Each answer and each last state must be the one recorded, which also means that
// every byte of it is initialised, or comparing would be reported; and of an unused slot nothing is
// initialised that has no meaning (INV-2). With a fault, on a machine that has it.
//
// The standard library is not instrumented: nothing here may live in a container or a stream.
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check/bind/system.h"
#include "props/msan/faulty.h"
#include "props/msan/recording.h"

namespace {

using msan::Head, msan::Step, msan::TraceHead;

// The bytes of a file that have not been read yet.
class Reader {
 public:
  explicit Reader(const char* name) {
    const int file = open(name, O_RDONLY | O_CLOEXEC);
    struct stat status{};
    if (file >= 0 && fstat(file, &status) == 0 && status.st_size > 0) {
      const auto bytes = static_cast<std::size_t>(status.st_size);
      void* const at = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
      if (at != MAP_FAILED) at_ = static_cast<const char*>(at), left_ = bytes;
    }
    if (file >= 0) close(file);
  }

  bool is_at_end() const { return left_ == 0; }

  // False if the file ends before.
  template <class T>
  bool read(T& into) {
    if (left_ < sizeof into) return false;
    std::memcpy(&into, at_, sizeof into);
    at_ += sizeof into, left_ -= sizeof into;
    return true;
  }

 private:
  const char* at_ = nullptr;
  std::size_t left_ = 0;
};

enum Status : int { kHeld = 0, kDiffers = 1, kUnreadable = 2 };

class Replayer {
 public:
  explicit Replayer(Reader& recording) : recording_(recording) {}

  Status run() {
    unsigned steps = 0;
    for (; !recording_.is_at_end(); ++traces_) {
      if (const Status status = run_trace(steps); status != kHeld) return status;
    }
    std::printf("%u traces, %u operations: as recorded, and nothing uninitialised was used\n",
                traces_, steps);
    return kHeld;
  }

 private:
  using System = check::MmSystem<msan::Faulty>;
  using Slot = System::Slot;

  Status run_trace(unsigned& steps) {
    TraceHead head;
    if (!recording_.read(head)) return unreadable();
    system_.reset(head.machine);
    for (std::uint32_t i = 0; i < head.steps; ++i, ++steps) {
      Step step;
      if (!recording_.read(step)) return unreadable();
      const trace::Call call = trace::decode_call(step.call);
      const trace::Answer seen = std::visit(
          [&](const auto& op) { return system_.apply(head.machine.lane(call.lane), op); }, call.op);
      if (seen != step.answer)
        return differs(i, trace::name_of(call.op), "another answer than recorded");
      if (seen.reply.status == trace::Status::aborted) return kHeld;
    }
    if (msan::state_of(system_, head.machine) != head.state) {
      return differs(head.steps, "the end", "another state than recorded");
    }
    for (std::uint64_t page = 0; page < head.machine.pages.value(); ++page) {
      if (!keeps_to_itself(*Slot::of({page * mm::kPageSize}))) {
        return differs(head.steps, "the end", "an unused slot that is initialised (INV-2)");
      }
    }
    return kHeld;
  }

  // Metadata and type of an unused slot are uninitialised, every byte.
  static bool keeps_to_itself(const Slot& slot) {
    if (slot.ref_count() != Slot::kUnused) return true;
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&slot);
    for (std::size_t i = 0; i < 56; ++i) {
      const bool is_count = i >= 40 && i < 48;
      if (!is_count && __msan_test_shadow(bytes + i, 1) != 0) return false;
    }
    return true;
  }

  Status differs(std::uint32_t step, const char* where, const char* what) const {
    std::fprintf(stderr, "trace %u, step %u (%s): %s\n", traces_, step, where, what);
    return kDiffers;
  }
  static Status unreadable() {
    std::fprintf(stderr, "msan_replay: the recording ends in the middle of a trace\n");
    return kUnreadable;
  }

  Reader& recording_;
  System system_;
  unsigned traces_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: msan_replay FILE [FAULT]\n");
    return kUnreadable;
  }
  Reader recording(argv[1]);
  Head head;
  if (!recording.read(head) || head != Head{}) {
    std::fprintf(stderr, "msan_replay: %s is no recording of this build\n", argv[1]);
    return kUnreadable;
  }
  static Replayer replayer(recording);
  if (argc == 2) return replayer.run();
  for (std::size_t i = 0; i < msan::kFaultNames.size(); ++i) {
    if (std::strcmp(msan::kFaultNames[i], argv[2]) != 0) continue;
    msan::Faulty::fault = static_cast<msan::Fault>(i);
    return replayer.run();
  }
  std::fprintf(stderr, "msan_replay: there is no fault called %s\n", argv[2]);
  return kUnreadable;
}
