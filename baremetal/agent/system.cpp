// SPDX-License-Identifier: MPL-2.0
#include "baremetal/agent/system.h"

#include "baremetal/agent/prober.h"
#include "baremetal/x86_64/platform.h"
#include "check/bind/system.h"

namespace bare {
namespace {

using Mm = check::MmSystem<X86_64>;

alignas(Mm) constinit std::array<u8, sizeof(Mm)> place{};

bool can_tell(const trace::CpuTouch& op) {
  return X86_64::can_touch(VirtAddr{address_of(op.at)}, check::access_of(op.access),
                           op.as_user.value(), op.ac.value());
}
// Of every page that a copy may reach; a copy may be asked for that goes round all addresses.
bool can_tell_of_copy(trace::VirtPlace from, u64 bytes, trace::AccessName access) {
  const u64 begin = address_of(from);
  for (u64 at = begin; at - begin < bytes; at = (at | 4095) + 1) {
    if (!X86_64::can_touch(VirtAddr{at}, check::access_of({access}), false, true)) return false;
  }
  return true;
}
bool can_tell(const trace::UserRead& op) {
  return can_tell_of_copy(op.at, check::bytes_of_copy(op.length), trace::AccessName::load);
}
bool can_tell(const trace::UserWrite& op) {
  return can_tell_of_copy(op.at, check::bytes_of_copy(op.length), trace::AccessName::store);
}
bool can_tell(const trace::UserLoad& op) {
  return can_tell_of_copy(op.at, 1, trace::AccessName::load);
}
bool can_tell(const trace::UserExchange& op) {
  return can_tell_of_copy(op.at, 1, trace::AccessName::store);
}
bool can_tell(const auto&) { return true; }

}  // namespace

System::System() : system_(::new (static_cast<void*>(place.data())) Mm()) {}

void System::reset(const trace::Machine& shape) { system_->reset(shape); }
void System::rebuild(const trace::Machine& shape) { system_->rebuild(shape); }
const trace::Choices& System::begun() const { return system_->begun(); }

trace::Answer System::apply(std::uint8_t lane, const trace::Op& op) {
  struct Job {
    Mm& mm;
    std::uint8_t lane;
    const trace::Op& op;
    trace::Answer answer{{.status = trace::Status::declined}, {}};
  } job{*system_, lane, op};
  if (lane >= processor_count) return job.answer;
  run_there(
      lane,
      [](void* with) noexcept {
        // SAFETY: it is the job.
        Job& one = *static_cast<Job*>(with);
        std::visit(
            [&](const auto& asked) {
              if (can_tell(asked)) one.answer = one.mm.apply(one.lane, asked);
            },
            one.op);
      },
      &job);
  return job.answer;
}

std::uint64_t System::digest(std::uint64_t page) const { return system_->digest(page); }
void System::probe(Probes& probes) const { answer(probes); }
Tree System::tree(std::uint64_t table) const {
  Tree tree;
  system_->tree(table, [&](u64 root, u64 levels, u64 begin, u64 last) {
    tree = {root, levels, begin, last};
  });
  return tree;
}

void System::for_each_fact(std::uint64_t page, Sink<trace::Fact> see, void* with) const {
  system_->observe(page, [&](const trace::Fact& fact) { see(with, fact); });
}
void System::for_each_mapped(const trace::TableRange& range, Sink<trace::Mapped> see,
                             void* with) const {
  system_->mapped(range, [&](const trace::Mapped& fact) { see(with, fact); });
}
void System::for_each_block(Sink<trace::FreeBlock> see, void* with) const {
  system_->free_blocks([&](const trace::FreeBlock& block) { see(with, block); });
}

}  // namespace bare
