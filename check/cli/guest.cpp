// SPDX-License-Identifier: MPL-2.0
#include "check/cli/guest.h"

#include <filesystem>
#include <iostream>

#include "baremetal/host/guest_system.h"
#include "check/cli/main.h"
#include "check/cli/status.h"
#include "check/compare.h"
#include "trace/text.h"

namespace check::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kImage = "baremetal/pagetwin-guest.elf";  // In a folder of a build.

// The image of this build, or else that of the preset `guest` beside it.
std::string image_beside_program() {
  std::error_code none;
  const fs::path build =
      fs::read_symlink("/proc/self/exe", none).parent_path().parent_path().parent_path();
  const fs::path own = build / kImage;
  const fs::path guests = build.parent_path() / "guest" / kImage;
  return fs::exists(own, none) || !fs::exists(guests, none) ? own : guests;
}

// The guest; if there is none, that ends the verb.
class Guest : public bare::GuestSystem {
 public:
  Guest() : GuestSystem(guest_options()) {}
  void reset(const trace::Machine& shape) override {
    or_stop([&] { GuestSystem::reset(shape); });
  }
  void rebuild(const trace::Machine& shape) override {
    or_stop([&] { GuestSystem::rebuild(shape); });
  }

 private:
  void or_stop(auto&& boots) {
    try {
      boots();
    } catch (const bare::NoGuest& why) {
      stop_for(why);
    }
  }
};

void add_image_option(CLI::App& verb) {
  verb.add_option("--image", bare::GuestSystem::default_options().image,
                  "The guest, an ELF file (that of the build)")
      ->type_name("FILE");
}

// A page is mapped and touched, unmapped and touched again, and once more after INVLPG.
trace::Trace demonstration() {
  using namespace trace;
  constexpr Table kUser{Table::kFirstShared + 1};
  const Property property{.rights = {Rights::kReadable | Rights::kWritable},
                          .privileged = {Privileged::kUser}};
  const CpuTouch touch{{}, {}, {1}, {}};
  Trace trace{.machine = {.pages = {16}, .loose = {1}, .cpus = {1}, .tables = {3}}};
  for (const Op& op : std::initializer_list<Op>{
           TableActivate{kUser}, CursorOpen{kUser, {}, {.page = 4}, {1}}, touch,
           CursorMapRaw{.at = {}, .level = {1}, .property = property}, touch,
           CpuTouch{{}, {AccessName::fetch}, {1}, {}}, CpuTouch{{}, {AccessName::store}, {1}, {}},
           CursorJump{}, CursorUnmap{.length = {.count = 1}}, touch, CpuFlushPage{}, touch}) {
    trace.calls.push_back({{0}, op});
  }
  return trace;
}

int show_guest(bool is_quiet) {
  Guest guest;
  const trace::Trace trace = demonstration();
  Lockstep<reference::Model, AnySystem> both(trace.machine, guest);
  if (!is_quiet) std::cout << guest.qemu()->said() << '\n';
  int status = kHeld;
  for (const trace::Call& call : trace.calls) {
    const std::optional<Divergence> found = both.take(call);
    std::cout << trace::text_of(call.op) << ": " << trace::text_of(call.op, both.last().seen)
              << '\n';
    if (!found) continue;
    std::cout << what_is_wrong(*found, both.last()) << '\n' << guest.last_words() << '\n';
    status = kCounterexample;
    break;
  }
  return status;
}

}  // namespace

bare::QemuOptions guest_options() {
  bare::QemuOptions options = bare::GuestSystem::default_options();
  if (options.image.empty()) options.image = image_beside_program();
  return options;
}

void stop_for(const bare::NoGuest& why) {
  throw Stop(kUsage, std::string("no guest: ") + why.what());
}

Subject guest_subject() {
  Subject subject = subject_of<Guest, void>(std::string("mm on ") + kOnGuest);
  subject.on = kOnGuest;
  subject.add_options = add_image_option;
  return subject;
}

AnySystem& tried_guest() {
  static Guest guest;
  try {
    const bare::Qemu trial(guest_options());
  } catch (const bare::NoGuest& why) {
    stop_for(why);
  }
  return guest;
}

void add_guest(CLI::App& app, int& status) {
  auto is_quiet = std::make_shared<bool>(false);
  CLI::App* const verb =
      app.add_subcommand("guest", "Boot mm in a guest, and show what a mapping is to its CPU");
  add_image_option(*verb);
  verb->add_flag("-q,--quiet", *is_quiet, "Without what it says while it boots");
  verb->callback([is_quiet, &status] { status = show_guest(*is_quiet); });
}

}  // namespace check::cli
