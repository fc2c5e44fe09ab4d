// SPDX-License-Identifier: MPL-2.0
// msan_record TRACES SEED FILE: asks mm so many generated traces of each property whose operations
// go alone, and writes down what it answers.
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "check/systems/mm.h"
#include "props/msan/recording.h"
#include "props/properties.h"

namespace {

constexpr std::size_t kMostOps = 100;

class Recorder {
 public:
  explicit Recorder(std::ostream& out) : out_(out) { write(msan::Head{}); }

  void record(const trace::Trace& trace) {
    system_.reset(trace.machine);
    msan::TraceHead head{.machine = trace.machine, .steps = 0, .state = 0};
    std::vector<msan::Step> steps;
    bool has_aborted = false;
    for (const trace::Call& call : trace.calls) {
      const std::uint8_t lane = trace.machine.lane(call.lane);
      steps.push_back({trace::encode_call(call), system_.apply(lane, call.op)});
      has_aborted = steps.back().answer.reply.status == trace::Status::aborted;
      if (has_aborted) break;  // What an abort leaves behind means nothing.
    }
    head.steps = static_cast<std::uint32_t>(steps.size());
    if (!has_aborted) head.state = msan::state_of(system_, trace.machine);
    write(head);
    for (const msan::Step& step : steps) write(step);
  }

 private:
  void write(const auto& value) {
    // SAFETY: any object may be looked at as bytes.
    out_.write(reinterpret_cast<const char*>(&value), sizeof value);
  }

  std::ostream& out_;
  check::MmAlone system_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: msan_record TRACES SEED FILE\n";
    return 2;
  }
  const std::uint64_t traces = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t seed = std::strtoull(argv[2], nullptr, 10);
  std::ofstream file(argv[3], std::ios::binary);
  Recorder recorder(file);
  for (const props::Property& property : props::properties()) {
    if (property.at_once) continue;
    for (std::uint64_t number = 0; number < traces; ++number) {
      recorder.record(props::trace_of(property, seed, number, kMostOps));
    }
  }
  if (file.flush()) return 0;
  std::cerr << argv[3] << " cannot be written\n";
  return 2;
}
