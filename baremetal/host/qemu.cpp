// SPDX-License-Identifier: MPL-2.0
#include "baremetal/host/qemu.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <new>
#include <poll.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace bare {
namespace {

using Clock = std::chrono::steady_clock;

// How often a word is looked at before the thread sleeps: some 50 us. A round trip takes less, if
// QEMU has a CPU.
constexpr int kSpins = 2000;
constexpr long kFirstSleep = 20, kLongestSleep = 200;  // Microseconds.
constexpr std::size_t kMostSaid = std::size_t{1} << 20;

std::string program_of(const QemuOptions& options) {
  if (!options.program.empty()) return options.program;
  const char* const named = std::getenv("PAGETWIN_QEMU");
  return named != nullptr && *named != '\0' ? named : kQemu;
}

std::string in_hex(std::uint64_t number) {
  std::ostringstream out;
  out << "0x" << std::hex << number;
  return out.str();
}

// Lines come from elsewhere, and become part of a sentence.
std::string printable(std::string text) {
  std::erase_if(text, [](unsigned char c) { return c < ' ' || c >= 0x7f; });
  return text;
}

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

// "QEMU emulator version 7.2.11 (...)": 7. 0 if it says nothing like it.
int version_of(const std::string& program) {
  FILE* const out = popen((shell_quoted(program) + " --version 2>&1").c_str(), "r");
  if (out == nullptr) return 0;
  std::array<char, 256> line{};
  const bool has_line = fgets(line.data(), line.size(), out) != nullptr;
  (void)pclose(out);
  const char* const at = has_line ? std::strstr(line.data(), "version ") : nullptr;
  int version = 0;
  if (at != nullptr) (void)std::from_chars(at + 8, line.data() + line.size(), version);
  return version;
}

}  // namespace

Qemu::Qemu(QemuOptions options) : Qemu(std::move(options), Unready{}) { wait_until_ready(); }

Qemu::Qemu(QemuOptions options, Unready) : options_(std::move(options)) {
  options_.program = program_of(options_);
  if (access(options_.image.c_str(), R_OK) != 0) {
    throw NoGuest("there is no guest image " + options_.image + ": " + std::strerror(errno));
  }
  (void)prctl(PR_SET_TIMERSLACK, 1000);  // Nanoseconds: sleeps are short.
  try {
    make_ram();
    spawn();
  } catch (...) {
    forget();
    throw;
  }
}

Ended Qemu::run_to_end(QemuOptions options) {
  Qemu guest(std::move(options), Unready{});
  const auto until = Clock::now() + std::chrono::duration<double>(guest.options_.seconds_to_boot);
  while (!guest.reap(false) && Clock::now() < until) guest.listen(500);
  guest.ending_ = guest.process_ < 0 ? guest.words_of_exit()
                                     : "the guest has not ended" + guest.last_line();
  guest.end();
  return {guest.status_, guest.ending_, guest.said_};
}

Qemu::~Qemu() {
  stop();
  forget();
}

void Qemu::forget() {
  end();
  if (ram_ != nullptr) (void)munmap(ram_, kRamBytes);
}

// A file without a name: it is gone with the last process that has it.
void Qemu::make_ram() {
  ram_file_ = memfd_create("pagetwin-guest", 0);
  if (ram_file_ < 0 || ftruncate(ram_file_, kRamBytes) != 0) {
    throw NoGuest(std::string("the guest's memory cannot be made: ") + std::strerror(errno));
  }
  void* const at = mmap(nullptr, kRamBytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram_file_, 0);
  if (at == MAP_FAILED) {
    throw NoGuest(std::string("the guest's memory cannot be mapped: ") + std::strerror(errno));
  }
  ram_ = static_cast<std::byte*>(at);
  // SAFETY: zeroed memory of that size, aligned to a page; the guest takes it as it is here.
  mailbox_ = ::new (ram_ + kMailboxAt) Mailbox();
}

void Qemu::spawn() {
  const std::string megabytes = std::to_string(kRamBytes >> 20);
  std::vector<std::string> words = {
      options_.program,
      "-nodefaults",
      "-no-reboot",
      "-no-user-config",
      "-display",
      "none",
      "-machine",
      "microvm,acpi=off,memory-backend=ram",
      "-accel",
      "tcg,thread=single",
      "-cpu",
      "max,-la57",
      "-smp",
      std::to_string(options_.cpus),
      "-m",
      megabytes + "M",
      "-object",
      "memory-backend-file,id=ram,share=on,size=" + megabytes + "M,mem-path=/proc/self/fd/" +
          std::to_string(ram_file_),
      "-serial",
      "stdio",
      "-device",
      "isa-debug-exit,iobase=" + in_hex(kExitPort) + ",iosize=4",
      "-kernel",
      options_.image};
  if (!options_.line.empty()) words.insert(words.end(), {"-append", options_.line});
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  std::array<int, 2> in{-1, -1}, out{-1, -1}, failed{-1, -1};
  // A socket: to write into it when QEMU is gone must raise no signal.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in.data()) != 0 ||
      pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(failed.data(), O_CLOEXEC) != 0) {
    throw NoGuest(std::string("QEMU cannot be started: ") + std::strerror(errno));
  }
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ == 0) {
    // Whatever ends this process ends QEMU.
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    (void)setpgid(0, 0);  // An interrupt from the keyboard is for us: we may still want an answer.
    (void)dup2(in[0], STDIN_FILENO);
    (void)dup2(out[1], STDOUT_FILENO);
    (void)dup2(out[1], STDERR_FILENO);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    execvp(arguments[0], arguments.data());
    const int why = errno;
    (void)!write(failed[1], &why, sizeof why);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  close(failed[1]);
  to_serial_ = in[1];
  from_serial_ = out[0];
  (void)fcntl(from_serial_, F_SETFL, O_NONBLOCK);
  // Either exec closes the pipe, or why it failed comes through it.
  int why = process_ < 0 ? errno : 0;
  if (process_ > 0 && read(failed[0], &why, sizeof why) != sizeof why) why = 0;
  close(failed[0]);
  if (why != 0) {
    throw NoGuest(options_.program + " cannot be run: " + std::strerror(why) +
                  (why == ENOENT ? " (on Debian: apt-get install qemu-system-x86)" : ""));
  }
}

void Qemu::wait_until_ready() {
  const auto until = Clock::now() + std::chrono::duration<double>(options_.seconds_to_boot);
  // ORDER: acquire, see mailbox.h.
  while (mailbox_->state.load(std::memory_order_acquire) == State::starting) {
    listen(500);
    if (reap(false)) break;
    if (Clock::now() > until) {
      give_up("the guest was not ready after " + std::to_string(int(options_.seconds_to_boot)) +
              " seconds" + last_line());
    }
  }
  const State state = mailbox_->state.load(std::memory_order_acquire);
  if (state == State::crashed) give_up("the guest crashed while it booted: " + words_of_crash());
  if (state != State::ready) {
    const int version = version_of(options_.program);
    if (version > 0 && version < kOldestQemu) {
      give_up(options_.program + " is of version " + std::to_string(version) + ", and " +
              std::to_string(kOldestQemu) + " or later is needed");
    }
    give_up("the guest did not boot: " + words_of_exit());
  }
  Greeting expected = greeting_of(mailbox_->greeting.cpus);
  if (mailbox_->greeting != expected) {
    give_up(options_.image + " is of another build than this program; build both anew");
  }
}

void Qemu::give_up(const std::string& why) {
  ending_ = why;
  throw NoGuest(why);
}

bool Qemu::is_answered() const {
  // ORDER: acquire, see mailbox.h.
  return mailbox_->answered.value.load(std::memory_order_acquire) == asked_;
}

bool Qemu::ask() {
  if (!ending_.empty()) return false;
  // ORDER: seq_cst with the load of `asleep`, see mailbox.h.
  mailbox_->asked.value.store(++asked_, std::memory_order_seq_cst);
  if (mailbox_->asleep.value.load(std::memory_order_seq_cst) != 0) {
    (void)send(to_serial_, "!", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  for (int i = 0; i < kSpins; ++i) {
    if (is_answered()) return true;
    __builtin_ia32_pause();
  }
  return wait_long();
}

bool Qemu::wait_long() {
  const auto until = Clock::now() + std::chrono::duration<double>(options_.seconds_to_answer);
  for (long sleep = kFirstSleep; !is_answered(); sleep = std::min(2 * sleep, kLongestSleep)) {
    listen(sleep);
    const bool has_crashed = mailbox_->state.load(std::memory_order_acquire) == State::crashed;
    if (has_crashed || reap(false)) {
      if (is_answered()) return true;  // Its last words.
      (void)reap(has_crashed);
      listen(0);
      ending_ = has_crashed ? "the guest crashed: " + words_of_crash() : words_of_exit();
      end();
      return false;
    }
    if (Clock::now() > until) {
      ending_ = "the guest has not answered for " +
                std::to_string(int(options_.seconds_to_answer)) + " seconds" + last_line();
      end();
      return false;
    }
  }
  return true;
}

// To the serial line, for at most so long.
void Qemu::listen(long microseconds) {
  pollfd one{.fd = from_serial_, .events = POLLIN, .revents = 0};
  const timespec time{.tv_sec = 0, .tv_nsec = microseconds * 1000};
  if (from_serial_ < 0) {
    (void)nanosleep(&time, nullptr);
    return;
  }
  if (ppoll(&one, 1, &time, nullptr) <= 0) return;
  std::array<char, 4096> bytes;
  for (;;) {
    const ssize_t count = read(from_serial_, bytes.data(), bytes.size());
    if (count > 0 && said_.size() < kMostSaid) said_.append(bytes.data(), std::size_t(count));
    if (count > 0) continue;
    if (count == 0) {  // QEMU has closed it.
      close(from_serial_);
      from_serial_ = -1;
    }
    return;
  }
}

const std::string& Qemu::said() {
  listen(0);
  return said_;
}

// Whether QEMU has ended; if it `waits`, so long as it takes a guest that has decided to exit.
bool Qemu::reap(bool waits) {
  for (int patience = waits ? 2000 : 0; process_ > 0; --patience) {
    int status = 0;
    const pid_t ended = waitpid(process_, &status, WNOHANG);
    if (ended == process_ || (ended < 0 && errno == ECHILD)) {
      process_ = -1;
      if (ended > 0 && WIFEXITED(status)) status_ = WEXITSTATUS(status);
      if (ended > 0 && WIFSIGNALED(status)) signal_ = WTERMSIG(status);
      listen(0);
      return true;
    }
    if (patience <= 0) return false;
    listen(1000);
  }
  return true;
}

void Qemu::stop() {
  if (!ending_.empty()) return;
  options_.seconds_to_answer = std::min(options_.seconds_to_answer, 1.0);
  request().what = What::stop;
  if (ask()) (void)reap(true);
  if (ending_.empty()) ending_ = "it was stopped";
  end();
}

// Leaves nothing but the RAM as it was, for whoever wants to look at it.
void Qemu::end() {
  if (process_ > 0) {
    (void)kill(process_, SIGKILL);
    (void)waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  for (int* const file : {&to_serial_, &from_serial_, &ram_file_}) {
    if (*file >= 0) close(*file);
    *file = -1;
  }
}

std::string Qemu::words_of_crash() const {
  const Crash& crash = mailbox_->crash;
  std::string text(crash.text.begin(), std::find(crash.text.begin(), crash.text.end(), '\0'));
  text = printable(text);
  if (text.empty()) text = "it does not say why";
  if (crash.vector == Crash::kNoVector) return text + " (CPU " + std::to_string(crash.cpu) + ')';
  return text + " (vector " + std::to_string(crash.vector) + ", error " + in_hex(crash.error) +
         ", CR2 " + in_hex(crash.cr2) + ", RIP " + in_hex(crash.rip) + ", CPU " +
         std::to_string(crash.cpu) + ')';
}

std::string Qemu::words_of_exit() {
  std::string text = "QEMU has ended";
  if (signal_ != 0) {
    text = std::string("QEMU died of signal ") + std::to_string(signal_) + " (" +
           strsignal(signal_) + ')';
  } else if (status_ == 0) {
    text = "the machine was reset, as by a triple fault";
  } else if (status_ > 0) {
    text = "QEMU has ended with status " + std::to_string(status_);
  }
  return text + last_line();
}

// "; the last it said: ...", if it said anything.
std::string Qemu::last_line() const {
  const std::size_t end = said_.find_last_not_of("\r\n ");
  if (end == std::string::npos) return "";
  const std::size_t begin = said_.find_last_of("\r\n", end);
  const std::size_t first = begin == std::string::npos ? 0 : begin + 1;
  return "; the last it said: " + printable(said_.substr(first, end + 1 - first));
}

}  // namespace bare
