// SPDX-License-Identifier: MPL-2.0
// The command line of a system with a fault, for cli_faulty_test.py: it counts one handle too many
// when it is asked how many there are.
#include "check/bind/system.h"
#include "check/cli/main.h"
#include "impl/hosted/platform.h"

namespace {

struct Faulty : check::MmSystem<mm::Hosted> {
  using Base = check::MmSystem<mm::Hosted>;
  using Base::apply;
  trace::Answer apply(std::uint8_t lane, const trace::FrameCount& op) {
    trace::Answer answer = Base::apply(lane, op);
    if (answer.reply.status == trace::Status::ok) ++answer.reply.results[0];
    return answer;
  }
};

}  // namespace

int main(int argc, char** argv) { return check::cli_main<Faulty>(argc, argv, "a faulty mm"); }
