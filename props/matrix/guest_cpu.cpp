// SPDX-License-Identifier: MPL-2.0
#include "props/matrix/guest_cpu.h"

#include <algorithm>

#include "props/matrix/words.h"

namespace props::matrix {
namespace {

static_assert(bare::ProbeQuestion::kLevels == kLevels);
static_assert(std::uint32_t{bare::ProbeReply::reached} == std::uint32_t{Reply::reached} &&
              std::uint32_t{bare::ProbeReply::page_fault} == std::uint32_t{Reply::page_fault} &&
              std::uint32_t{bare::ProbeReply::other} == std::uint32_t{Reply::other});

constexpr std::uint64_t kErrorPresent = 1, kErrorReserved = 8;

bare::ProbeQuestion sent(const Question& question) {
  return {.va = question.va,
          .entries = question.entries,
          .level = static_cast<std::uint8_t>(question.level),
          .access = question.access,
          .as_user = question.as_user,
          .ac = question.ac,
          .wp = question.wp,
          .smep = question.smep,
          .smap = question.smap,
          .nxe = question.nxe,
          .keeps = question.keeps};
}

// The guest is what is tested: an outcome that there is not is `other`.
Reply received(const bare::ProbeReply& reply) {
  const auto outcome = std::min<std::uint32_t>(reply.outcome, Reply::other);
  return {.outcome = static_cast<Reply::Outcome>(outcome),
          .pa = reply.pa,
          .error = reply.error,
          .cr2 = reply.cr2,
          .entries = reply.entries};
}

// A reserved bit is told without the present bit, which no processor does.
void present_of_reserved(const Question&, Reply& reply) {
  if (reply.outcome == Reply::page_fault && (reply.error & kErrorReserved) != 0) {
    reply.error |= kErrorPresent;
  }
}

// The walk marks tables as it goes by them, even if then there is a fault; a processor may (SDM
// vol. 3A, 4.8). Below what is absent or reserved it does not come. A page of 1 GiB is marked like
// a table, before its address is looked at.
void early_accessed(const Question& question, Reply& reply) {
  constexpr int kGiant = 3, kNone = 0;
  if (reply.outcome != Reply::page_fault) return;
  for (int level = kLevels; level >= question.level; --level) {
    const auto i = static_cast<std::size_t>(level - 1);
    const std::uint64_t entry = question.entries[i];
    const bool is_refused = (entry & reserved_bits(level, kNone, question.nxe)) != 0;
    if ((entry & kPresent) == 0 || is_refused) return;
    if (level == question.level && level != kGiant) return;
    reply.entries[i] &= ~kAccessed | entry;
  }
}

constexpr std::array kAllowances = {Allowance{"present_of_reserved", present_of_reserved},
                                    Allowance{"early_accessed", early_accessed},
                                    Allowance{"fault_keeps", nullptr}};

}  // namespace

std::span<const Allowance> GuestCpu::allowances() { return kAllowances; }

GuestCpu::GuestCpu(bare::Qemu& qemu) : qemu_(qemu) {
  ask(0, nullptr);
  const bare::ProbeRoom& room = qemu_.probes().room;
  room_ = {.tables = room.tables, .pages = room.pages, .others = room.others};
}

Reply GuestCpu::ask(const Question& question) {
  ask(1, &question);
  return received(qemu_.probes().replies[0]);
}

void GuestCpu::ask_all(std::span<const Question> questions, std::span<Reply> replies) {
  for (std::size_t begin = 0; begin < questions.size(); begin += bare::Probes::kMost) {
    const std::size_t count = std::min(questions.size() - begin, bare::Probes::kMost);
    ask(count, questions.data() + begin);
    std::transform(qemu_.probes().replies.begin(), qemu_.probes().replies.begin() + count,
                   replies.begin() + static_cast<std::ptrdiff_t>(begin), received);
  }
}

// Leaves the replies in the mailbox.
void GuestCpu::ask(std::size_t count, const Question* questions) {
  bare::Probes& probes = qemu_.probes();
  std::transform(questions, questions + count, probes.questions.begin(), sent);
  probes.count = static_cast<std::uint32_t>(count);
  probes.done.store(0, std::memory_order_relaxed);
  qemu_.request().what = bare::What::probe;
  if (qemu_.ask()) return;
  // ORDER: see Probes::done.
  const std::size_t done = probes.done.load(std::memory_order_acquire);
  std::string why = qemu_.ending();
  if (done < count) why += "\n  asked: " + in_words(questions[done]);
  throw GuestEnded(why);
}

}  // namespace props::matrix
