// SPDX-License-Identifier: MPL-2.0
// mm on this machine, as a system that takes any operation. Apart from the loop that asks it, for
// every operation is compiled for every kind of metadata.
#pragma once

#include "baremetal/agent/probes.h"
#include "baremetal/agent/tree.h"
#include "trace/fact.h"
#include "trace/machine.h"
#include "trace/op.h"

namespace check {
template <class Base>
class MmSystem;
}

namespace bare {

struct X86_64;

class System {
 public:
  System();

  void reset(const trace::Machine& shape);
  void rebuild(const trace::Machine& shape);
  const trace::Choices& begun() const;
  // On the lane's CPU. Declined if that CPU is not there, or if of a touch, or of a copy from or to
  // users' memory, nobody could say what comes of it.
  trace::Answer apply(std::uint8_t lane, const trace::Op& op);
  std::uint64_t digest(std::uint64_t page) const;
  // Of a table, by its number in facts.
  Tree tree(std::uint64_t table) const;
  // The first CPU, without mm (prober.h).
  void probe(Probes& probes) const;

  void observe(std::uint64_t page, auto&& see) const {
    for_each_fact(page, sink_of<trace::Fact>(see), &see);
  }
  void mapped(const trace::TableRange& range, auto&& see) const {
    for_each_mapped(range, sink_of<trace::Mapped>(see), &see);
  }
  void free_blocks(auto&& see) const { for_each_block(sink_of<trace::FreeBlock>(see), &see); }

 private:
  template <class F>
  using Sink = void (*)(void* with, const F&);

  template <class F>
  static Sink<F> sink_of(auto& see) {
    return [](void* with, const F& fact) {
      (*static_cast<std::remove_reference_t<decltype(see)>*>(with))(fact);
    };
  }
  void for_each_fact(std::uint64_t page, Sink<trace::Fact> see, void* with) const;
  void for_each_mapped(const trace::TableRange& range, Sink<trace::Mapped> see, void* with) const;
  void for_each_block(Sink<trace::FreeBlock> see, void* with) const;

  check::MmSystem<X86_64>* system_;  // The one that there is.
};

}  // namespace bare
