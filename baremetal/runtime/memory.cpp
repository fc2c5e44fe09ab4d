// SPDX-License-Identifier: MPL-2.0
// What the compiler calls by itself. Words first: an interpreted machine is slow at bytes.
#include <cstddef>
#include <cstdint>

namespace {

using Byte = unsigned char;

std::uint64_t load(const Byte* at) {
  std::uint64_t word;
  __builtin_memcpy(&word, at, sizeof word);
  return word;
}
void store(Byte* at, std::uint64_t word) { __builtin_memcpy(at, &word, sizeof word); }

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t count);
void* memmove(void* to, const void* from, std::size_t count);
void* memset(void* to, int value, std::size_t count);
int memcmp(const void* left, const void* right, std::size_t count);

void* memcpy(void* to, const void* from, std::size_t count) {
  auto* at = static_cast<Byte*>(to);
  const auto* source = static_cast<const Byte*>(from);
  for (; count >= 8; count -= 8, at += 8, source += 8) store(at, load(source));
  while (count-- > 0) *at++ = *source++;
  return to;
}

void* memmove(void* to, const void* from, std::size_t count) {
  if (to <= from) return memcpy(to, from, count);
  auto* at = static_cast<Byte*>(to) + count;
  const auto* source = static_cast<const Byte*>(from) + count;
  for (; count >= 8; count -= 8) store(at -= 8, load(source -= 8));
  while (count-- > 0) *--at = *--source;
  return to;
}

void* memset(void* to, int value, std::size_t count) {
  auto* at = static_cast<Byte*>(to);
  const std::uint64_t word = static_cast<Byte>(value) * std::uint64_t{0x0101'0101'0101'0101};
  for (; count >= 8; count -= 8, at += 8) store(at, word);
  while (count-- > 0) *at++ = static_cast<Byte>(value);
  return to;
}

int memcmp(const void* left, const void* right, std::size_t count) {
  const auto* a = static_cast<const Byte*>(left);
  const auto* b = static_cast<const Byte*>(right);
  for (; count > 0; --count, ++a, ++b) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

const void* memchr(const void* in, int value, std::size_t count);
const void* memchr(const void* in, int value, std::size_t count) {
  for (const auto* at = static_cast<const Byte*>(in); count > 0; --count, ++at) {
    if (*at == static_cast<Byte>(value)) return at;
  }
  return nullptr;
}

std::size_t strlen(const char* text);
std::size_t strlen(const char* text) {
  std::size_t count = 0;
  while (text[count] != 0) ++count;
  return count;
}

}  // extern "C"
