// SPDX-License-Identifier: MPL-2.0
// All that freestanding code may ask for: what a compiler calls for by itself.
#include <cstddef>

using Byte = unsigned char;

extern "C" void* memcpy(void* to, const void* from, std::size_t count);
extern "C" void* memmove(void* to, const void* from, std::size_t count);
extern "C" void* memset(void* to, int value, std::size_t count);
extern "C" int memcmp(const void* left, const void* right, std::size_t count);

extern "C" void* memcpy(void* to, const void* from, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    static_cast<Byte*>(to)[i] = static_cast<const Byte*>(from)[i];
  }
  return to;
}

extern "C" void* memmove(void* to, const void* from, std::size_t count) {
  if (to <= from) return memcpy(to, from, count);
  for (std::size_t i = count; i-- > 0;) {
    static_cast<Byte*>(to)[i] = static_cast<const Byte*>(from)[i];
  }
  return to;
}

extern "C" void* memset(void* to, int value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) static_cast<Byte*>(to)[i] = static_cast<Byte>(value);
  return to;
}

extern "C" int memcmp(const void* left, const void* right, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const int difference = static_cast<const Byte*>(left)[i] - static_cast<const Byte*>(right)[i];
    if (difference != 0) return difference;
  }
  return 0;
}
