// SPDX-License-Identifier: MPL-2.0
// The first CPU of the simulated machine, as one that can be asked. Nobody else may use the
// machine.
#pragma once

#include "check/machine/bus.h"
#include "check/machine/touch.h"
#include "props/matrix/question.h"

namespace props::matrix {

class Simulated {
 public:
  Simulated() {
    check::machine::power_on();
    check::machine::reset_cpus();
    check::machine::cpus[0].write_cr3(kRoom.tables[kLevels - 1]);
  }

  Room room() const { return kRoom; }

  Reply ask(const Question& question) {
    check::machine::Cpu& cpu = check::machine::cpus[0];
    cpu.set_control({.wp = question.wp,
                     .smep = question.smep,
                     .smap = question.smap,
                     .nxe = question.nxe,
                     .ac = question.ac});
    for (int level = question.level; level <= kLevels; ++level) {
      entry(question.va, level) = question.entries[place(level)];
    }
    if (!question.keeps) cpu.invlpg(question.va);
    const check::machine::Touch touch = check::machine::touch(
        0, question.va, access_of(question.access),
        question.as_user ? check::machine::Privilege::user : check::machine::Privilege::supervisor,
        {});
    Reply reply;
    switch (touch.outcome) {
      case check::machine::Outcome::ok:
        reply.outcome = Reply::reached;
        reply.pa = touch.address;
        break;
      case check::machine::Outcome::page_fault:
        reply.outcome = Reply::page_fault;
        reply.error = touch.error_code;
        reply.cr2 = touch.cr2;
        break;
      case check::machine::Outcome::general_protection: break;
    }
    for (int level = question.level; level <= kLevels; ++level) {
      reply.entries[place(level)] = entry(question.va, level);
    }
    return reply;
  }

 private:
  // Only the small pages are memory; beyond, nothing keeps what is stored.
  static constexpr Room kRoom{.tables = {0x1000, 0x2000, 0x3000, 0x4000},
                              .pages = {0x10'0000, 0x4060'0000, 0x1'4000'0000},
                              .others = {0x10'1000, 0x4080'0000, 0x1'8000'0000}};

  static constexpr std::size_t place(int level) { return static_cast<std::size_t>(level - 1); }

  static std::uint64_t& entry(std::uint64_t va, int level) {
    // SAFETY: the tables lie in the machine's memory, which is on, and which nobody else uses.
    return *reinterpret_cast<std::uint64_t*>(check::machine::kMemoryBase +
                                             kRoom.tables[place(level)] + index_of(va, level) * 8);
  }

  static check::machine::Access access_of(Question::Access access) {
    switch (access) {
      case Question::load: return check::machine::Access::load;
      case Question::store: return check::machine::Access::store;
      case Question::fetch: break;
    }
    return check::machine::Access::fetch;
  }
};

}  // namespace props::matrix
