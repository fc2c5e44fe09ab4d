// SPDX-License-Identifier: MPL-2.0
// A guest in QEMU: its process, its RAM, its serial line. It has a life of its own, which may end
// at any time; nothing of it outlives this object, nor this process.
#pragma once

#include <stdexcept>
#include <string>
#include <sys/types.h>

#include "baremetal/agent/mailbox.h"

namespace bare {

struct QemuOptions {
  std::string image{};    // The guest: an ELF file.
  std::string program{};  // QEMU itself; empty: $PAGETWIN_QEMU, or else kQemu.
  std::string line{};     // The guest's command line (agent/main.cpp).
  unsigned cpus = trace::Cpu::kMost;
  double seconds_to_boot = 20;
  double seconds_to_answer = 10;
};

inline constexpr const char* kQemu = "qemu-system-x86_64";
inline constexpr int kOldestQemu = 6;  // Its major version.

// There can be no guest. What it says is one sentence: what is missing or wrong, of this machine or
// of the command line.
struct NoGuest : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What became of a guest that was asked nothing.
struct Ended {
  int status = -1;     // QEMU's; -1: it did not end by itself.
  std::string how{};   // In one sentence.
  std::string said{};  // On the serial line.
};

class Qemu {
 public:
  // Boots a guest whose command line has it look at itself and exit, and waits for that, no longer
  // than for a guest to be ready. Throws NoGuest if it cannot be started.
  static Ended run_to_end(QemuOptions options);

  // Returns when the guest is ready; throws NoGuest if it never is.
  explicit Qemu(QemuOptions options);
  ~Qemu();
  Qemu(const Qemu&) = delete;
  Qemu& operator=(const Qemu&) = delete;

  // The guest's RAM, as it sees it; and the mailbox in it. Also after its end.
  std::byte* ram() { return ram_; }
  Request& request() { return mailbox_->request; }
  const Reply& reply() const { return mailbox_->reply; }
  Probes& probes() { return mailbox_->probes; }

  // Has the guest do what is in request(). False: it has ended, and `ending` says how.
  bool ask();

  // How it ended, in one sentence; empty if it has not.
  const std::string& ending() const { return ending_; }
  // What it has said on the serial line until now, and QEMU itself.
  const std::string& said();
  // QEMU's exit status, if it ended by itself; -1 otherwise.
  int status() const { return status_; }

  // Asks the guest to exit, and waits for that; ends it if it does not.
  void stop();

 private:
  // Started, and not yet ready.
  struct Unready {};
  Qemu(QemuOptions options, Unready);

  void make_ram();
  void spawn();
  void wait_until_ready();
  [[noreturn]] void give_up(const std::string& why);

  bool is_answered() const;
  bool wait_long();
  void listen(long microseconds);
  bool reap(bool waits);
  void end();
  void forget();
  std::string words_of_crash() const;
  std::string words_of_exit();
  std::string last_line() const;

  QemuOptions options_;
  int ram_file_ = -1;
  std::byte* ram_ = nullptr;
  Mailbox* mailbox_ = nullptr;
  pid_t process_ = -1;
  int to_serial_ = -1, from_serial_ = -1;
  std::uint32_t asked_ = 0;
  int status_ = -1;
  int signal_ = 0;
  std::string said_{}, ending_{};
};

}  // namespace bare
