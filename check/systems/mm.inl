// SPDX-License-Identifier: MPL-2.0
// The other side of the wall. Who includes this instantiates Walled for one platform.
#pragma once

#include "check/bind/system.h"
#include "check/systems/mm.h"

namespace check {

template <class Base>
Walled<Base>::Walled() : system_(std::make_unique<MmSystem<Base>>()) {}
template <class Base>
Walled<Base>::~Walled() = default;

template <class Base>
void Walled<Base>::reset(const trace::Machine& shape) {
  system_->reset(shape);
}
template <class Base>
void Walled<Base>::rebuild(const trace::Machine& shape) {
  system_->rebuild(shape);
}

template <class Base>
trace::Answer Walled<Base>::apply(std::uint8_t lane, const trace::Op& op) {
  return std::visit([&](const auto& one) { return system_->apply(lane, one); }, op);
}

template <class Base>
std::uint64_t Walled<Base>::digest(std::uint64_t page) const {
  return system_->digest(page);
}
template <class Base>
void Walled<Base>::digests(std::span<std::uint64_t> of) const {
  for (std::size_t page = 0; page < of.size(); ++page) of[page] = system_->digest(page);
}

template <class Base>
const std::vector<trace::Fact>& Walled<Base>::facts_of(std::uint64_t page) const {
  facts_.clear();
  system_->observe(page, [&](const trace::Fact& fact) { facts_.push_back(fact); });
  return facts_;
}
template <class Base>
const trace::Choices& Walled<Base>::begun() const {
  return system_->begun();
}
template <class Base>
void Walled<Base>::go_at_once() {
  system_->go_at_once();
}
template <class Base>
const std::vector<trace::Fact>& Walled<Base>::mapped_in(const trace::TableRange& range) const {
  mapped_.clear();
  system_->mapped(range, [&](const trace::Fact& fact) { mapped_.push_back(fact); });
  return mapped_;
}
template <class Base>
const std::vector<trace::FreeBlock>& Walled<Base>::blocks() const {
  blocks_.clear();
  system_->free_blocks([&](const trace::FreeBlock& block) { blocks_.push_back(block); });
  return blocks_;
}

}  // namespace check
