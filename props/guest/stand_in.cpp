// SPDX-License-Identifier: MPL-2.0
// Stands in for QEMU with a guest in it, so that the host side is tested without either: takes the
// same command line, and answers through the mailbox by mm on the simulated machine, and probes by
// its CPU.
//
// $STAND_IN says how it fails, and $STAND_IN_AT at which operation of a trace, or probe, from 1:
//
//   crash   as after a trap, with a message          silent  it never is ready
//   exit    without a word, as after a triple fault  old     it says no more than its version, 4
//   hang    it never answers                         other   it is of another build
//   wrong   it answers, but not as it should         early   it crashes before it is ready
//   sleep   nothing fails; it sleeps between requests, until it is woken
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

#include "baremetal/agent/serve.h"
#include "check/machine/memory.h"
#include "check/systems/mm.h"
#include "props/matrix/simulated.h"

namespace {

using bare::Mailbox;

std::string_view how() {
  const char* const said = std::getenv("STAND_IN");
  return said == nullptr ? "" : said;
}
std::size_t when() {
  const char* const said = std::getenv("STAND_IN_AT");
  return said == nullptr ? 1 : static_cast<std::size_t>(std::strtoul(said, nullptr, 10));
}

[[noreturn]] void crash(Mailbox& mailbox) {
  mailbox.crash = {.vector = 14, .error = 2, .cr2 = 0x1234, .rip = 0xffff, .cpu = 1};
  (void)std::snprintf(mailbox.crash.text.data(), mailbox.crash.text.size(), "a page fault");
  mailbox.state.store(bare::State::crashed, std::memory_order_release);
  std::puts("it crashes");
  std::exit(bare::status_of_exit(bare::kCrashedExit));
}

struct Mm {
  explicit Mm(Mailbox& mailbox) : mailbox(mailbox) {}

  void reset(const trace::Machine& shape) {
    mm.reset(shape);
    operations = 0;
  }
  void rebuild(const trace::Machine& shape) {
    mm.rebuild(shape);
    operations = 0;
  }
  const trace::Choices& begun() { return mm.begun(); }
  std::uint64_t digest(std::uint64_t page) { return mm.digest(page); }
  void observe(std::uint64_t page, auto&& see) {
    mm.observe(page, [&](const trace::Fact& fact) { see(fact); });
  }
  void mapped(const trace::TableRange& range, auto&& see) {
    mm.mapped(range, [&](const trace::Fact& fact) { see(std::get<trace::Mapped>(fact)); });
  }
  void free_blocks(auto&& see) { mm.free_blocks(see); }
  // Its memory is not that of the mailbox.
  bare::Tree tree(std::uint64_t) const { return {}; }

  trace::Answer apply(std::uint8_t lane, const trace::Op& op) {
    trace::Answer answer = mm.apply(lane, op);
    if (++operations == when() && fails()) answer.reply.results[0] ^= 1;
    return answer;
  }

  void probe(bare::Probes& probes) {
    namespace matrix = props::matrix;
    matrix::Simulated cpu;
    const auto [tables, pages, others] = cpu.room();
    probes.room = {tables, pages, others};
    for (std::uint32_t i = 0; i < probes.count; ++i) {
      const bare::ProbeQuestion& asked = probes.questions[i];
      matrix::Reply reply = cpu.ask({.level = asked.level,
                                     .va = asked.va,
                                     .entries = asked.entries,
                                     .access = static_cast<matrix::Question::Access>(asked.access),
                                     .as_user = asked.as_user,
                                     .ac = asked.ac,
                                     .wp = asked.wp,
                                     .smep = asked.smep,
                                     .smap = asked.smap,
                                     .nxe = asked.nxe,
                                     .keeps = asked.keeps});
      if (++probed == when() && fails()) reply.cr2 ^= 1;
      probes.replies[i] = {.outcome = reply.outcome,
                           .pa = reply.pa,
                           .error = reply.error,
                           .cr2 = reply.cr2,
                           .entries = reply.entries};
      probes.done.store(i + 1, std::memory_order_release);
    }
  }

  // In the middle of an answer. Whether that shall be wrong.
  bool fails() {
    if (how() == "crash") crash(mailbox);
    if (how() == "exit") std::exit(0);
    if (how() == "hang") pause();
    return how() == "wrong";
  }

  Mailbox& mailbox;
  check::MmAlone mm{};
  std::size_t operations = 0;
  std::size_t probed = 0;
};

Mailbox* map_mailbox(int argc, char** argv) {
  std::string_view path;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (const auto at = word.find("mem-path="); at != word.npos) path = word.substr(at + 9);
  }
  const int file = open(std::string(path).c_str(), O_RDWR);
  void* const ram = mmap(nullptr, bare::kRamBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (ram == MAP_FAILED) return nullptr;
  // SAFETY: the host has made one there.
  return reinterpret_cast<Mailbox*>(static_cast<std::byte*>(ram) + bare::kMailboxAt);
}

void wait(Mailbox& mailbox, const auto& server) {
  for (int i = 0; i < 20'000; ++i) {
    if (server.is_asked()) return;
  }
  if (how() != "sleep") {
    std::this_thread::yield();
    return;
  }
  mailbox.asleep.value.store(1, std::memory_order_seq_cst);
  char byte = 0;
  if (!server.is_asked()) (void)!read(STDIN_FILENO, &byte, 1);
  mailbox.asleep.value.store(0, std::memory_order_seq_cst);
}

}  // namespace

int main(int argc, char** argv) {
  if (how() == "old") {
    std::puts(argc > 1 && argv[1] == std::string_view("--version") ? "QEMU emulator version 4.2.1"
                                                                   : "unsupported machine type");
    return 1;
  }
  Mailbox* const mailbox = map_mailbox(argc, argv);
  if (mailbox == nullptr) return 1;
  std::puts("stand-in: hello");
  (void)std::fflush(stdout);
  if (how() == "silent") pause();
  if (how() == "early") crash(*mailbox);
  check::machine::power_on();
  const auto system = std::make_unique<Mm>(*mailbox);
  bare::Server server(*mailbox, *system);
  mailbox->greeting = bare::greeting_of(trace::Cpu::kMost);
  if (how() == "other") ++mailbox->greeting.ops;
  mailbox->state.store(bare::State::ready, std::memory_order_release);
  do {
    while (!server.is_asked()) wait(*mailbox, server);
  } while (server.answer());
  return bare::status_of_exit(bare::kStoppedExit);
}
