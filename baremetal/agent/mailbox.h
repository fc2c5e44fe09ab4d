// SPDX-License-Identifier: MPL-2.0
// What the host and the guest share: one struct at a fixed place of the guest's RAM, which is a
// file that the host maps. Freestanding; both sides compile this, and both are x86-64, so words and
// plain structs of trace/ are written as they are.
//
// The protocol, in which the host speaks first and each waits for the other:
//
//   1. The host makes the RAM file, all zero, and starts the machine. The guest writes `greeting`,
//      then `state` = ready.
//   2. The host writes `request`, then adds one to `asked`.
//   3. The guest sees that `asked` is not `answered`, does what is asked, writes `reply`, and
//      makes `answered` equal to `asked`. Then the host may read `reply`, until it asks again.
//
// A trap that nobody expected, or a panic outside every operation: the guest writes `crash`, then
// `state` = crashed, says the same on the serial line, and exits (kCrashedExit); what it was asked
// remains unanswered. agent/serve.h is the guest's side of 3, for any system.
//
// A guest that has waited long may stop its CPU: it sets `asleep`, looks at `asked` once more, and
// halts until a byte comes on the serial line; then it clears `asleep`. The host, after step 2,
// looks at `asleep`, and sends a byte if it is set. A guest that only spins never sets it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "baremetal/agent/probes.h"
#include "baremetal/agent/tree.h"
#include "trace/binary.h"
#include "trace/fact.h"
#include "trace/machine.h"
#include "trace/op.h"

namespace bare {

// The guest's RAM, from physical address 0. Its first pages are the test machine's.
inline constexpr std::uint64_t kRamBytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t kTestedBytes = trace::Machine::kMostPages * std::uint64_t{4096};

// Where the mailbox is, physically, and what is kept free for it. As all that is the agent's, it is
// not near a multiple of 2 MiB: where a test maps a large page, it touches there.
inline constexpr std::uint64_t kMailboxAt = 0x0388'0000;
inline constexpr std::uint64_t kMailboxRoom = 0x0010'0000;

enum class State : std::uint32_t {
  starting = 0,  // As the file is made.
  ready = 1,
  crashed = 2,
};

// What the guest is: an image of another build must not be believed.
struct Greeting {
  static constexpr std::uint64_t kMagic = 0x6e69'7774'6567'6170;  // "pagetwin"
  static constexpr std::uint32_t kVersion = 3;                    // Of this file.

  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::uint32_t mailbox_bytes = 0;
  std::uint32_t ops = 0;   // How many operations there are,
  std::uint32_t cpus = 0;  // and how many CPUs are up.

  bool operator==(const Greeting&) const = default;
};

// What ended the guest. Zeros where nothing is known.
struct Crash {
  std::uint64_t vector = 0;  // kNoVector: no trap, but a panic.
  std::uint64_t error = 0;   // The trap's error code.
  std::uint64_t cr2 = 0;
  std::uint64_t rip = 0;
  std::uint64_t cpu = 0;
  std::array<char, 256> text{};  // One sentence; ends with a zero.

  static constexpr std::uint64_t kNoVector = 256;
};

enum class What : std::uint32_t {
  reset = 0,        // To `shape`. The reply: what has changed, and `begun`.
  rebuild = 1,      // The same from nothing. The reply: everything.
  apply = 2,        // `call`. The reply: `answer`, and what has changed.
  mapped = 3,       // `range`. The reply: `tree` and facts; `rest` says where others go on.
  free_blocks = 4,  // The reply: `blocks`.
  observe = 5,      // The reply: everything.
  stop = 6,         // Is answered; then the guest exits (kStoppedExit).
  probe = 7,        // What is in `probes`: there are the replies, too, and nothing in `reply`.
};

struct Request {
  What what = What::reset;
  trace::Record call{};       // Encoded (trace/binary.h); its lane is the CPU.
  trace::Machine shape{};     // Settled.
  trace::TableRange range{};  // As of a system's `mapped`.
};

// "What has changed": facts of all pages whose digest is not what it was in the last reply that
// told of it, and those digests; "everything": of all pages of the machine. Facts of a page stand
// together, and `told` has the pages in this order: a page without a fact is told of too.
struct Reply {
  trace::Answer answer{};  // Of apply. Of its lists only what is counted is written.
  trace::Choices begun{};  // Of reset and rebuild; likewise.
  std::uint32_t told_count = 0;
  std::uint32_t fact_count = 0;
  std::uint32_t block_count = 0;
  std::uint32_t has_blocks = 0;  // 1: `blocks` is how free pages are kept now. Of reset, rebuild
                                 // and free_blocks always; of apply, if the allocator did anything.
  std::uint32_t has_rest = 0;    // 1: the facts of `mapped` are not all;
  std::uint64_t rest = 0;        // the others begin at this address.
  Tree tree{};                   // Of mapped.

  struct Told {
    std::uint16_t page = 0;
    std::uint16_t facts = 0;  // So many of `facts`, after those of the pages before.
  };
  static constexpr std::size_t kMostFacts = 4096;
  static constexpr std::size_t kMostBlocks =
      trace::Machine::kMostPages + 1;  // As check::FreeBlocks.

  std::array<Told, trace::Machine::kMostPages> told{};
  std::array<trace::FreeBlock, kMostBlocks> blocks{};
  std::array<std::uint64_t, trace::Machine::kMostPages> digests{};  // As told last.
  std::array<trace::Fact, kMostFacts> facts{};
};

// One word in a cache line of its own.
struct alignas(64) Word {
  std::atomic<std::uint32_t> value{0};
};

struct Mailbox {
  Greeting greeting{};
  Crash crash{};

  // ORDER: the guest stores with release after `greeting` or `crash`; the host loads with acquire
  // before it reads them.
  alignas(64) std::atomic<State> state{State::starting};
  // ORDER: the host stores with release after `request`; the guest loads with acquire before it
  // reads it. seq_cst if the guest may sleep: either the host sees `asleep`, or the guest this.
  Word asked{};
  // ORDER: the guest stores with release after `reply`; the host loads with acquire before it reads
  // it, and before it writes the next request.
  Word answered{};
  Word asleep{};  // ORDER: seq_cst, see `asked`.

  alignas(64) Request request{};
  alignas(64) Reply reply{};
  alignas(64) Probes probes{};
};

// What isa-debug-exit (port kExitPort) is given, and what QEMU's status is then. 0 would be that of
// a triple fault, so it is none of these.
inline constexpr std::uint16_t kExitPort = 0xf4;
inline constexpr std::uint32_t kStoppedExit = 0x10, kCrashedExit = 0x11;
constexpr int status_of_exit(std::uint32_t code) { return static_cast<int>(code << 1 | 1); }

inline constexpr std::uint16_t kSerialPort = 0x3f8;

constexpr Greeting greeting_of(std::uint32_t cpus) {
  return {.magic = Greeting::kMagic,
          .version = Greeting::kVersion,
          .mailbox_bytes = sizeof(Mailbox),
          .ops = trace::kOpCount,
          .cpus = cpus};
}

static_assert(std::is_trivially_copyable_v<Greeting> && std::is_trivially_copyable_v<Crash> &&
              std::is_trivially_copyable_v<Request> && std::is_trivially_copyable_v<Reply>);
static_assert(std::is_standard_layout_v<Mailbox>);
static_assert(std::atomic<State>::is_always_lock_free && sizeof(std::atomic<State>) == 4);
static_assert(sizeof(trace::Fact) == 88 && sizeof(trace::Answer) == 600 && sizeof(Greeting) == 24);
static_assert(offsetof(Mailbox, greeting) == 0 && offsetof(Mailbox, state) == 320 &&
              offsetof(Mailbox, asked) == 384 && offsetof(Mailbox, answered) == 448 &&
              offsetof(Mailbox, asleep) == 512 && offsetof(Mailbox, request) == 576);
static_assert(sizeof(Mailbox) <= kMailboxRoom && kMailboxAt + kMailboxRoom <= kRamBytes);
static_assert(kMailboxAt % (2 << 20) >= kTestedBytes &&
              (kMailboxAt + kMailboxRoom - 1) % (2 << 20) < (2 << 20) - kTestedBytes);

}  // namespace bare
