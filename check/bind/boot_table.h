// SPDX-License-Identifier: MPL-2.0
// How mm is asked about the boot page table of the cold machine.
#pragma once

#include "check/bind/cold.h"
#include "trace/ops/boot_table.h"

namespace check {

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootMapPage&) {
  return false;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>&, const trace::BootMapPage&) {
  return {};
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootProtectPage&) {
  return false;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>&, const trace::BootProtectPage&) {
  return {};
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootWalk&) {
  return false;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>&, const trace::BootWalk&) {
  return {};
}

template <class Base>
bool can_ask(const ColdMachine<Base>&, const trace::BootDismiss&) {
  return false;
}
template <class Base>
trace::Reply ask(ColdMachine<Base>&, const trace::BootDismiss&) {
  return {};
}

}  // namespace check
