// SPDX-License-Identifier: MPL-2.0
// The command line of a system with a fault, for cli_faulty_test.py: it counts one handle too many
// when it is asked how many there are.
#include "check/cli/main.h"
#include "check/systems/mm.h"

namespace {

struct Faulty : check::MmAlone {
  trace::Answer apply(std::uint8_t lane, const trace::Op& op) {
    trace::Answer answer = check::MmAlone::apply(lane, op);
    const bool is_count = std::holds_alternative<trace::FrameCount>(op);
    if (is_count && answer.reply.status == trace::Status::ok) ++answer.reply.results[0];
    return answer;
  }
};

}  // namespace

int main(int argc, char** argv) { return check::cli_main<Faulty>(argc, argv, "a faulty mm"); }
