// SPDX-License-Identifier: MPL-2.0
// Readers and writers of a user's memory, by the user's addresses: as those of impl/frame/bytes.h,
// but any access may fault, for the user may have nothing there, or no right. What was copied
// before a fault was copied, and the place has moved by so much. What is asked for whole has not
// moved.
//
// A space opens them, for the CPU that translates by it: they are good as long as that CPU does,
// and is the caller's. They hold nothing: a page may be unmapped meanwhile, and then faults.
#pragma once

#include <algorithm>

#include "impl/vm/layout.h"
#include "impl/vm/space.h"

namespace mm {

inline constexpr u64 kUserEnd = kUsersRegion.end;  // The same in every layout.

// The CPU translates by something else, or the bytes are not all users' memory.
struct AccessDenied {};

// A copy that met a page that it could not reach, behind so many bytes.
struct PageFault {
  usize copied = 0;
};

enum class UserIoError : u8 {
  invalid_args,  // There are fewer bytes than the value has. Nothing has moved,
  page_fault,    // nor has it after this.
};

// What a compare-exchange has found, and whether that was what it expected.
struct Exchanged {
  u32 seen = 0;
  bool is_swapped = false;
};

// Some of a user's memory: where a reader or writer is, and where it ends.
template <Platform P>
class UserRange {
 public:
  static Result<UserRange, AccessDenied> open(const VmSpace<P>& space, VirtAddr at,
                                              usize len) noexcept {
    const bool is_users = at.value <= kUserEnd && len <= kUserEnd - at.value;
    if (!is_users || P::root() != space.root_paddr()) return Failure{AccessDenied{}};
    return UserRange(at.value, at.value + len);
  }

  VirtAddr at(usize offset = 0) const noexcept { return {at_ + offset}; }
  usize left() const noexcept { return end_ - at_; }
  void limit(usize n) noexcept { end_ = at_ + std::min(n, left()); }
  void skip(usize n) noexcept {
    if (n > left()) [[unlikely]]
      P::panic(Panic::beyond_end, "B.9: more of a user's memory is to be skipped than there is");
    at_ += n;
  }

  // Moves by what was copied of what was to be. Requires no more than there is, as the next.
  void advance(usize n) noexcept { at_ += n; }
  Result<usize, PageFault> moved(usize copied, usize wanted) noexcept {
    at_ += copied;
    if (copied < wanted) return Failure{PageFault{copied}};
    return copied;
  }

  // Whether there is a word. Panics unless it can be reached in a single access.
  bool has_word() const noexcept {
    if (sizeof(u32) > left()) return false;
    if (at_ % sizeof(u32) != 0) [[unlikely]]
      P::panic(Panic::misaligned, "B.9: a single access to a user's memory is not aligned");
    return true;
  }

 private:
  UserRange(u64 at, u64 end) noexcept : at_(at), end_(end) {}

  u64 at_;
  u64 end_;
};

template <Platform P>
class UserWriter;

template <Platform P>
class UserReader {
 public:
  // Of `len` bytes (POST-40). No bytes are some, up to the end of users' memory.
  static Result<UserReader, AccessDenied> open(const VmSpace<P>& space, VirtAddr at,
                                               usize len) noexcept {
    return UserReader(MM_TRY(UserRange<P>::open(space, at, len)));
  }

  VirtAddr cursor() const noexcept { return range_.at(); }
  usize remain() const noexcept { return range_.left(); }
  bool has_remain() const noexcept { return remain() != 0; }

  // As of VmReader.
  UserReader& skip(usize n) noexcept { return range_.skip(n), *this; }
  UserReader& limit(usize n) noexcept { return range_.limit(n), *this; }

  // Copies as much as there is, and as there is room for. Says how many bytes; both have moved by
  // so many, and so they have after a fault.
  Result<usize, PageFault> read(VmWriter<P>& writer) noexcept {
    const usize count = std::min(remain(), writer.avail());
    const usize copied = P::copy_from_user(writer.cursor(), range_.at(), count);
    writer.skip(copied);
    return range_.moved(copied, count);
  }
  // The same within users' memory, by way of a few bytes of the kernel's at a time: where the two
  // overlap, later ones may be read when they have been written.
  Result<usize, PageFault> read(UserWriter<P>& writer) noexcept;

  template <Pod T>
  Result<T, UserIoError> read_val() noexcept {
    if (sizeof(T) > remain()) return Failure{UserIoError::invalid_args};
    std::array<u8, sizeof(T)> bytes;
    if (P::copy_from_user(bytes.data(), range_.at(), sizeof(T)) < sizeof(T)) {
      return Failure{UserIoError::page_fault};
    }
    range_.advance(sizeof(T));
    return std::bit_cast<T>(bytes);
  }

  // The word that is next, in a single access; the place stays. Panics (misaligned) after it is
  // known that there are so many bytes.
  Result<u32, UserIoError> atomic_load() const noexcept {
    if (!range_.has_word()) return Failure{UserIoError::invalid_args};
    const std::optional<u32> seen = P::load_user(range_.at());
    if (!seen) return Failure{UserIoError::page_fault};
    return *seen;
  }

 private:
  explicit UserReader(const UserRange<P>& range) noexcept : range_(range) {}

  UserRange<P> range_;
};

template <Platform P>
class UserWriter {
 public:
  // As of UserReader.
  static Result<UserWriter, AccessDenied> open(const VmSpace<P>& space, VirtAddr at,
                                               usize len) noexcept {
    return UserWriter(MM_TRY(UserRange<P>::open(space, at, len)));
  }

  VirtAddr cursor() const noexcept { return range_.at(); }
  usize avail() const noexcept { return range_.left(); }
  bool has_avail() const noexcept { return avail() != 0; }

  UserWriter& skip(usize n) noexcept { return range_.skip(n), *this; }
  UserWriter& limit(usize n) noexcept { return range_.limit(n), *this; }

  // See UserReader::read().
  Result<usize, PageFault> write(VmReader<P>& reader) noexcept {
    const usize count = std::min(avail(), reader.remain());
    const usize copied = P::copy_to_user(range_.at(), reader.cursor(), count);
    reader.skip(copied);
    return range_.moved(copied, count);
  }
  Result<usize, PageFault> write(UserReader<P>& reader) noexcept { return reader.read(*this); }

  // After a fault, some of its bytes may have been written.
  template <Pod T>
  Result<void, UserIoError> write_val(const T& value) noexcept {
    if (sizeof(T) > avail()) return Failure{UserIoError::invalid_args};
    if (P::copy_to_user(range_.at(), &value, sizeof(T)) < sizeof(T)) {
      return Failure{UserIoError::page_fault};
    }
    range_.advance(sizeof(T));
    return {};
  }

  // Writes `n` zeros, or as many as there is room for, page by page. Says how many, also after a
  // fault.
  Result<usize, PageFault> fill_zeros(usize n) noexcept {
    static constexpr std::array<u8, kPageSize> kZeros{};
    const usize wanted = std::min(n, avail());
    usize filled = 0;
    while (filled < wanted) {
      const usize room = kPageSize - range_.at(filled).value % kPageSize;
      const usize count = std::min(wanted - filled, room);
      const usize copied = P::copy_to_user(range_.at(filled), kZeros.data(), count);
      filled += copied;
      if (copied < count) break;
    }
    return range_.moved(filled, wanted);
  }

  // The word that is next, in a single access: `desired` instead of `expected`. The place stays.
  // Panics as UserReader::atomic_load(). Users must have the right to write even if it comes to
  // nothing.
  Result<Exchanged, UserIoError> atomic_compare_exchange(u32 expected, u32 desired) const noexcept {
    if (!range_.has_word()) return Failure{UserIoError::invalid_args};
    const std::optional<u32> seen = P::compare_exchange_user(range_.at(), expected, desired);
    if (!seen) return Failure{UserIoError::page_fault};
    return Exchanged{*seen, *seen == expected};
  }

 private:
  friend class UserReader<P>;

  explicit UserWriter(const UserRange<P>& range) noexcept : range_(range) {}

  UserRange<P> range_;
};

template <Platform P>
Result<usize, PageFault> UserReader<P>::read(UserWriter<P>& writer) noexcept {
  const usize wanted = std::min(remain(), writer.avail());
  std::array<u8, kPageSize / 8> bytes;
  usize done = 0;
  while (done < wanted) {
    const usize count = std::min(wanted - done, bytes.size());
    const usize read = P::copy_from_user(bytes.data(), range_.at(done), count);
    const usize written = P::copy_to_user(writer.range_.at(done), bytes.data(), read);
    done += written;
    if (written < count) break;
  }
  writer.range_.advance(done);
  return range_.moved(done, wanted);
}

}  // namespace mm
