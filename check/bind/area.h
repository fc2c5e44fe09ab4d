// SPDX-License-Identifier: MPL-2.0
// How areas are asked for.
#pragma once

#include "check/bind/registers.h"

namespace check {

template <class P>
bool can_ask(Registers<P>&, const trace::AreaMapFrames&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::AreaMapFrames&) {
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::AreaMapRange&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::AreaMapRange&) {
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::AreaQuery&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::AreaQuery&) {
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::AreaSplit&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::AreaSplit&) {
  return {};
}

template <class P>
bool can_ask(Registers<P>&, const trace::AreaDrop&) {
  return false;
}
template <class P>
trace::Reply ask(Registers<P>&, const trace::AreaDrop&) {
  return {};
}

}  // namespace check
