// SPDX-License-Identifier: MPL-2.0
// The guest's side of the protocol (mailbox.h), for any system: what MmSystem has
// (check/bind/system.h), with one `apply(lane, op)` that takes any operation, and `probe(probes)`.
// In the guest the former hands the operation to the lane's CPU; in tests the system is mm on the
// simulated machine.
#pragma once

#include "baremetal/agent/mailbox.h"

namespace bare {

template <class System>
class Server {
 public:
  Server(Mailbox& mailbox, System& system) : mailbox_(mailbox), system_(system) {}

  // The system can be asked from now on.
  void greet(std::uint32_t cpus) {
    mailbox_.greeting = greeting_of(cpus);
    mailbox_.state.store(State::ready, std::memory_order_release);
  }

  bool is_asked() const {
    return mailbox_.asked.value.load(std::memory_order_acquire) !=
           mailbox_.answered.value.load(std::memory_order_relaxed);
  }

  // Requires that it is asked. False: it was the last, and the guest shall exit.
  bool answer() {
    const What what = mailbox_.request.what;
    clear();
    serve(what);
    mailbox_.answered.value.store(mailbox_.asked.value.load(std::memory_order_relaxed),
                                  std::memory_order_release);
    return what != What::stop;
  }

 private:
  Reply& reply() { return mailbox_.reply; }

  void clear() {
    reply().told_count = reply().fact_count = reply().block_count = 0;
    reply().has_blocks = reply().has_rest = 0;
  }

  void serve(What what) {
    const Request& request = mailbox_.request;
    switch (what) {
      case What::reset:
      case What::rebuild: begin(what == What::rebuild); break;
      case What::apply: apply(trace::decode_call(request.call)); break;
      case What::mapped: tell_mapped(request.range); break;
      case What::free_blocks: tell_blocks(); break;
      case What::observe: tell_pages(true); break;
      case What::stop: break;
      case What::probe: system_.probe(mailbox_.probes); break;
    }
  }

  void begin(bool from_nothing) {
    const trace::Machine shape = mailbox_.request.shape;
    if (from_nothing) {
      system_.rebuild(shape);
    } else {
      system_.reset(shape);
    }
    // Of pages that it had not before nothing has been told.
    const bool is_larger = shape.pages.raw > pages_;
    pages_ = shape.pages.raw;
    write(system_.begun(), reply().begun);
    tell_pages(from_nothing || is_larger);
    tell_blocks();
  }

  void apply(const trace::Call& call) {
    const trace::Answer answer = system_.apply(call.lane.index, call.op);
    reply().answer.reply = answer.reply;
    write(answer.choices, reply().answer.choices);
    tell_pages(false);
    const auto& [taken, given, refused] = answer.choices;
    if ((taken.count | given.count | refused) != 0) tell_blocks();
  }

  // All of them, or those whose digest is another than before.
  void tell_pages(bool all) {
    for (std::uint16_t page = 0; page < pages_; ++page) {
      const std::uint64_t digest = system_.digest(page);
      if (!all && digest == reply().digests[page]) continue;
      reply().digests[page] = digest;
      const std::uint32_t before = reply().fact_count;
      system_.observe(page, [&](const auto& fact) { (void)push(fact); });
      reply().told[reply().told_count++] = {
          page, static_cast<std::uint16_t>(reply().fact_count - before)};
    }
  }

  // Pages come upwards, so the first for which there is no room is where to go on.
  void tell_mapped(const trace::TableRange& range) {
    reply().tree = system_.tree(range.table);
    system_.mapped(range, [&](const trace::Mapped& fact) {
      if (reply().has_rest == 0 && !push(fact)) {
        reply().has_rest = 1;
        reply().rest = fact.at.value;
      }
    });
  }

  void tell_blocks() {
    reply().has_blocks = 1;
    system_.free_blocks([&](const trace::FreeBlock& block) {
      if (reply().block_count < Reply::kMostBlocks) reply().blocks[reply().block_count++] = block;
    });
  }

  bool push(const auto& fact) {
    if (reply().fact_count == Reply::kMostFacts) return false;
    reply().facts[reply().fact_count++] = fact;
    return true;
  }

  static void write(const trace::PageList& from, trace::PageList& to) {
    to.count = from.count;
    for (std::uint16_t i = 0; i < from.kept(); ++i) to.page[i] = from.page[i];
  }
  static void write(const trace::Choices& from, trace::Choices& to) {
    write(from.taken, to.taken);
    write(from.given, to.given);
    to.refused = from.refused;
  }

  Mailbox& mailbox_;
  System& system_;
  std::uint16_t pages_ = 0;  // Of the machine that was asked for last.
};

}  // namespace bare
