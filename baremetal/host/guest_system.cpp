// SPDX-License-Identifier: MPL-2.0
#include "baremetal/host/guest_system.h"

#include <algorithm>

#include "trace/text.h"

namespace bare {
namespace {

// So often everything is told, whether it has changed or not: digests are numbers, and numbers may
// be the same by accident.
constexpr std::size_t kBetweenAll = 64;

const trace::Answer kBroken{{.status = trace::Status::aborted, .code = trace::Code::broken}, {}};

// A mark of the facts that a walk contradicts. Bit 7, as of an entry with bits that none has.
constexpr std::uint8_t kFoundOtherwise = 0x80;

// The guest is what is tested: numbers of its are used to index only after a look.
bool is_fact(const trace::Fact& fact) { return fact.index() < std::variant_size_v<trace::Fact>; }
bool is_answer(const trace::Answer& answer) {
  return static_cast<std::size_t>(answer.reply.status) < trace::kStatusNames.size() &&
         static_cast<std::size_t>(answer.reply.code) < trace::kCodeNames.size();
}

void append_facts(const Reply& reply, std::size_t begin, std::size_t count,
                  std::vector<trace::Fact>& to) {
  const std::size_t end = std::min<std::size_t>(begin + count, reply.facts.size());
  for (std::size_t i = begin; i < end; ++i) {
    if (is_fact(reply.facts[i])) to.push_back(reply.facts[i]);
  }
}

// As a CPU would have it. What is not present is no translation.
std::vector<Translation> told_translations(const std::vector<trace::Fact>& facts) {
  using trace::Privileged, trace::Rights;
  std::vector<Translation> told;
  for (const trace::Fact& one : facts) {
    const auto* const fact = std::get_if<trace::Mapped>(&one);
    if (fact == nullptr || !fact->property.rights.has(Rights::kReadable)) continue;
    told.push_back({fact->at.value, fact->bytes, fact->to.value,
                    fact->property.rights.has(Rights::kWritable),
                    (fact->property.privileged.bits & Privileged::kUser) != 0,
                    fact->property.rights.has(Rights::kExecutable)});
  }
  return told;
}

std::string in_words(const std::vector<Translation>& all, std::size_t i) {
  if (i >= all.size()) return "nothing more";
  const Translation& one = all[i];
  return trace::text_of(trace::Address{one.at}) + " to " + trace::text_of(trace::Address{one.to}) +
         ", " + std::to_string(one.bytes) + " bytes" + (one.writable ? ", writable" : "") +
         (one.user ? ", user" : "") + (one.executable ? ", executable" : "");
}

}  // namespace

QemuOptions& GuestSystem::default_options() {
  static QemuOptions options;
  return options;
}

void GuestSystem::reset(const trace::Machine& shape) {
  begin(shape, has_ended() ? What::rebuild : What::reset);
}

void GuestSystem::rebuild(const trace::Machine& shape) { begin(shape, What::rebuild); }

void GuestSystem::begin(const trace::Machine& shape, What what) {
  if (has_ended()) {
    qemu_.reset();
    qemu_ = std::make_unique<Qemu>(options_);
    ++boots_;
  }
  since_all_ = 0;
  begun_ = {};
  walked_.clear();
  blocks_.clear();
  qemu_->request().what = what;
  qemu_->request().shape = shape;
  if (!qemu_->ask()) return;
  begun_ = qemu_->reply().begun;
  learn();
}

trace::Answer GuestSystem::apply(std::uint8_t lane, const trace::Op& op) {
  if (has_ended()) return kBroken;
  qemu_->request().what = What::apply;
  qemu_->request().call = trace::encode_call({{lane}, op});
  if (!qemu_->ask()) return kBroken;
  const trace::Answer answer = qemu_->reply().answer;
  learn();
  if (++since_all_ == kBetweenAll) {
    since_all_ = 0;
    qemu_->request().what = What::observe;
    if (qemu_->ask()) learn();
  }
  return is_answer(answer) ? answer : kBroken;
}

// What the last reply tells.
void GuestSystem::learn() {
  const Reply& reply = qemu_->reply();
  std::size_t at = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(reply.told_count, reply.told.size()); ++i) {
    const Reply::Told told = reply.told[i];
    if (told.page >= facts_.size()) continue;
    facts_[told.page].clear();
    append_facts(reply, at, told.facts, facts_[told.page]);
    digests_[told.page] = reply.digests[told.page];
    at += told.facts;
  }
  if (reply.has_blocks != 0) {
    const auto count = std::min<std::size_t>(reply.block_count, reply.blocks.size());
    blocks_.assign(reply.blocks.begin(), reply.blocks.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

std::uint64_t GuestSystem::digest(std::uint64_t page) const { return digests_[page]; }

void GuestSystem::digests(std::span<std::uint64_t> of) const {
  std::copy_n(digests_.begin(), of.size(), of.begin());
}

const std::vector<trace::Fact>& GuestSystem::facts_of(std::uint64_t page) const {
  static const FactsOfPage kNone;
  return page < facts_.size() ? facts_[page] : kNone;
}

const std::vector<trace::Fact>& GuestSystem::mapped_in(const trace::TableRange& range) const {
  mapped_.clear();
  if (has_ended()) return mapped_;
  Tree tree;
  qemu_->request().what = What::mapped;
  qemu_->request().range = range;
  while (qemu_->ask()) {
    const Reply& reply = qemu_->reply();
    append_facts(reply, 0, reply.fact_count, mapped_);
    tree = reply.tree;
    if (reply.has_rest == 0 || reply.fact_count == 0) break;
    qemu_->request().range.begin = reply.rest;
  }
  if (!has_ended()) walk(range, tree);
  return mapped_;
}

// Puts what differs into `mapped_`.
void GuestSystem::walk(const trace::TableRange& range, const Tree& tree) const {
  if (tree.levels == 0) return;
  const std::vector<Translation> told = told_translations(mapped_);
  const std::vector<Translation> found =
      translations({qemu_->ram(), kRamBytes}, tree, range.begin, range.last);
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(told, found).in1 - told.begin());
  if (at == told.size() && at == found.size()) return;
  walked_ = "a walk over the guest's memory finds " + in_words(found, at) + ", where it tells " +
            in_words(told, at);
  const Translation& one = at < found.size() ? found[at] : told[at];
  mapped_.push_back(trace::Mapped{.table = range.table,
                                  .at = {one.at},
                                  .bytes = one.bytes,
                                  .to = {one.to},
                                  .property = {.privileged = {kFoundOtherwise}, .cache = {}}});
}

std::string GuestSystem::last_words() const {
  if (qemu_ == nullptr) return "";
  return qemu_->ending().empty() ? walked_ : qemu_->ending();
}

}  // namespace bare
