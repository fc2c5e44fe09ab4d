// SPDX-License-Identifier: MPL-2.0
// Readers and writers of bytes that may be shared with users, or with devices: each is a place and
// an end. They never fault. They own nothing: whoever makes one keeps the bytes alive.
//
// What is asked for whole is had whole, or not at all; what is copied is as much as both sides
// have. No order is promised between CPUs: only a single access (`_once`) is never torn.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <span>

#include "impl/base/result.h"
#include "impl/platform/platform.h"

namespace mm {

enum class VmIoError : u8 {
  invalid_args,  // There are fewer bytes than the value has. Nothing has moved.
};

// A type that is its bytes,
template <class T>
concept Pod = std::is_trivially_copyable_v<T>;

// and one that the machine can reach in a single access.
template <class T>
concept PodOnce = std::integral<T> && sizeof(T) <= 8;

template <Platform P>
class VmWriter;

template <Platform P>
class VmReader {
 public:
  explicit VmReader(std::span<const u8> bytes) noexcept
      : cursor_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  const u8* cursor() const noexcept { return cursor_; }
  usize remain() const noexcept { return static_cast<usize>(end_ - cursor_); }
  bool has_remain() const noexcept { return cursor_ != end_; }

  // Leaves out the next `n` bytes. Panics if there are not so many.
  VmReader& skip(usize n) noexcept {
    if (n > remain()) [[unlikely]]
      P::panic(Panic::beyond_end, "B.9: a reader is to skip more than it has");
    cursor_ += n;
    return *this;
  }

  // Ends after `n` bytes, if not before.
  VmReader& limit(usize n) noexcept {
    end_ = cursor_ + std::min(n, remain());
    return *this;
  }

  // Copies as much as there is, and as there is room for: as if all were read before any is
  // written. Says how many bytes; both have moved by so many.
  usize read(VmWriter<P>& writer) noexcept;

  template <Pod T>
  Result<T, VmIoError> read_val() noexcept {
    if (sizeof(T) > remain()) return Failure{VmIoError::invalid_args};
    std::array<u8, sizeof(T)> bytes;
    __builtin_memcpy(bytes.data(), cursor_, sizeof(T));
    cursor_ += sizeof(T);
    return std::bit_cast<T>(bytes);
  }

  // In a single access. Panics unless the value is aligned to its size.
  template <PodOnce T>
  Result<T, VmIoError> read_once() noexcept {
    if (sizeof(T) > remain()) return Failure{VmIoError::invalid_args};
    if (std::bit_cast<u64>(cursor_) % sizeof(T) != 0) [[unlikely]]
      P::panic(Panic::misaligned, "B.9: a single read is not aligned");
    // SAFETY: the bytes are there, and aligned; they are only read, though the type has no const.
    T& word = *reinterpret_cast<T*>(const_cast<u8*>(cursor_));
    // ORDER: none is promised.
    const T value = std::atomic_ref<T>(word).load(std::memory_order_relaxed);
    cursor_ += sizeof(T);
    return value;
  }

 private:
  const u8* cursor_;
  const u8* end_;
};

template <Platform P>
class VmWriter {
 public:
  explicit VmWriter(std::span<u8> bytes) noexcept
      : cursor_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  u8* cursor() const noexcept { return cursor_; }
  usize avail() const noexcept { return static_cast<usize>(end_ - cursor_); }
  bool has_avail() const noexcept { return cursor_ != end_; }

  // Leaves out the next `n` bytes. Panics if there are not so many.
  VmWriter& skip(usize n) noexcept {
    if (n > avail()) [[unlikely]]
      P::panic(Panic::beyond_end, "B.9: a writer is to skip more than it has");
    cursor_ += n;
    return *this;
  }

  // Ends after `n` bytes, if not before.
  VmWriter& limit(usize n) noexcept {
    end_ = cursor_ + std::min(n, avail());
    return *this;
  }

  // See VmReader::read().
  usize write(VmReader<P>& reader) noexcept { return reader.read(*this); }

  template <Pod T>
  Result<void, VmIoError> write_val(const T& value) noexcept {
    if (sizeof(T) > avail()) return Failure{VmIoError::invalid_args};
    __builtin_memcpy(cursor_, &value, sizeof(T));
    cursor_ += sizeof(T);
    return {};
  }

  // In a single access. Panics unless the place is aligned to the value's size.
  template <PodOnce T>
  Result<void, VmIoError> write_once(T value) noexcept {
    if (sizeof(T) > avail()) return Failure{VmIoError::invalid_args};
    if (std::bit_cast<u64>(cursor_) % sizeof(T) != 0) [[unlikely]]
      P::panic(Panic::misaligned, "B.9: a single write is not aligned");
    // SAFETY: the bytes are there, and aligned.
    T& word = *reinterpret_cast<T*>(cursor_);
    // ORDER: none is promised.
    std::atomic_ref<T>(word).store(value, std::memory_order_relaxed);
    cursor_ += sizeof(T);
    return {};
  }

  // Fills all that is left with a value, over and over; says how many values that were. Panics if
  // the place is not aligned for it, or the filling does not come out even.
  template <Pod T>
  usize fill(const T& value) noexcept {
    if (std::bit_cast<u64>(cursor_) % alignof(T) != 0 || avail() % sizeof(T) != 0) [[unlikely]]
      P::panic(Panic::misaligned, "B.9: a filling is not aligned, or does not come out even");
    const usize count = avail() / sizeof(T);
    u8* at = cursor_;
    const T copy = value;  // It may lie in what is filled.
    for (usize i = 0; i < count; ++i, at += sizeof(T)) __builtin_memcpy(at, &copy, sizeof(T));
    cursor_ = at;
    return count;
  }

  // Writes `n` zeros, or as many as there is room for; says how many.
  usize fill_zeros(usize n) noexcept {
    const usize count = std::min(n, avail());
    __builtin_memset(cursor_, 0, count);
    cursor_ += count;
    return count;
  }

 private:
  friend class VmReader<P>;

  u8* cursor_;
  u8* end_;
};

template <Platform P>
usize VmReader<P>::read(VmWriter<P>& writer) noexcept {
  const usize count = std::min(remain(), writer.avail());
  __builtin_memmove(writer.cursor_, cursor_, count);
  cursor_ += count;
  writer.cursor_ += count;
  return count;
}

}  // namespace mm
