// SPDX-License-Identifier: MPL-2.0
// How users' memory is asked for, and copies of spaces.
#pragma once

#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_ask(Registers<P>&, const trace::UserRead&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::UserRead&) {
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::UserWrite&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::UserWrite&) {
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::UserLoad&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::UserLoad&) {
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::UserExchange&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::UserExchange&) {
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::SpaceFork&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::SpaceFork&) {
  return {};
}

}  // namespace check
