// SPDX-License-Identifier: MPL-2.0
// How a page is mapped, from the words of trace/ to those of mm, and back.
#pragma once

#include <utility>

#include "impl/addr/property.h"
#include "trace/property.h"

namespace check {

namespace detail {
using trace::Privileged;
using trace::Rights;
inline constexpr std::pair<std::uint8_t, mm::u8> kRightBits[] = {
    {Rights::kReadable, mm::PageFlags::kReadable},
    {Rights::kWritable, mm::PageFlags::kWritable},
    {Rights::kExecutable, mm::PageFlags::kExecutable},
    {Rights::kAccessed, mm::PageFlags::kAccessed},
    {Rights::kDirty, mm::PageFlags::kDirty},
    {Rights::kAvail2, mm::PageFlags::kAvail2}};
inline constexpr std::pair<std::uint8_t, mm::u8> kPrivilegedBits[] = {
    {Privileged::kUser, mm::PrivilegedPageFlags::kUser},
    {Privileged::kGlobal, mm::PrivilegedPageFlags::kGlobal}};

// What is no bit of trace's is shown as the highest: it should not be there.
constexpr std::uint8_t to_trace(const auto& pairs, mm::u8 bits) {
  unsigned result = 0;
  for (const auto& [ours, theirs] : pairs) {
    if ((bits & theirs) != 0) result |= ours;
    bits &= static_cast<mm::u8>(~theirs);
  }
  return static_cast<std::uint8_t>(bits == 0 ? result : result | 0x80);
}
constexpr mm::u8 to_mm(const auto& pairs, std::uint8_t bits) {
  unsigned result = 0;
  for (const auto& [ours, theirs] : pairs) {
    if ((bits & ours) != 0) result |= theirs;
  }
  return static_cast<mm::u8>(result);
}
}  // namespace detail

constexpr mm::PageFlags flags_of(trace::Rights rights) {
  return {detail::to_mm(detail::kRightBits, rights.bits)};
}
constexpr trace::Rights rights_of(mm::PageFlags flags) {
  return {detail::to_trace(detail::kRightBits, flags.bits)};
}

constexpr mm::CachePolicy policy_of(trace::CacheName name) {
  switch (name) {
    case trace::CacheName::write_back: return mm::CachePolicy::write_back;
    case trace::CacheName::write_through: return mm::CachePolicy::write_through;
    case trace::CacheName::write_combining: return mm::CachePolicy::write_combining;
    case trace::CacheName::uncacheable: return mm::CachePolicy::uncacheable;
    case trace::CacheName::write_protected: return mm::CachePolicy::write_protected;
  }
  return mm::CachePolicy::write_back;
}
constexpr trace::Cache cache_of(mm::CachePolicy policy) {
  switch (policy) {
    case mm::CachePolicy::write_back: return {trace::CacheName::write_back};
    case mm::CachePolicy::write_through: return {trace::CacheName::write_through};
    case mm::CachePolicy::write_combining: return {trace::CacheName::write_combining};
    case mm::CachePolicy::uncacheable: return {trace::CacheName::uncacheable};
    case mm::CachePolicy::write_protected: break;
  }
  return {trace::CacheName::write_protected};
}

constexpr mm::PageProperty property_of(const trace::Property& property) {
  return {.flags = flags_of(property.rights),
          .cache = policy_of(property.cache.name),
          .privileged = {detail::to_mm(detail::kPrivilegedBits, property.privileged.bits)}};
}
constexpr trace::Property property_of(const mm::PageProperty& property) {
  return {.rights = rights_of(property.flags),
          .privileged = {detail::to_trace(detail::kPrivilegedBits, property.privileged.bits)},
          .cache = cache_of(property.cache)};
}

// The closure that a cursor's protect takes.
constexpr auto change_of(trace::Change change) {
  return [change](mm::PageFlags& flags, mm::CachePolicy& cache) noexcept {
    const mm::PageFlags take = flags_of(change.take), give = flags_of(change.give);
    flags.bits = static_cast<mm::u8>((flags.bits & ~take.bits) | give.bits);
    if (change.cache != trace::Change::kKeep) {
      cache = policy_of(static_cast<trace::CacheName>(change.cache - 1));
    }
  };
}

}  // namespace check
