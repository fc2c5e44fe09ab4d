// SPDX-License-Identifier: MPL-2.0
// Operations on the bytes of untyped frames and segments, through readers and writers over all of
// them, which first skip some bytes and are then limited to some. A skip beyond the end panics.
// What is written are the bytes value, value + 1, ... modulo 256.
#pragma once

#include "trace/metadata.h"
#include "trace/reply.h"
#include "trace/scalar.h"

namespace trace {

// Writes `length` bytes, or as many as there is room for, and says how many, and what room is left.
struct BytesWrite {
  static constexpr const char* kName = "bytes_write";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 2> kResults = {
      {{"copied", As::number}, {"avail", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Frame into;  // Must hold an untyped frame.
  Extent skip;
  Extent length;  // At most 8192 bytes.
  Count value;

  static constexpr void fields(auto&& each) {
    each("into", &BytesWrite::into);
    each("skip", &BytesWrite::skip);
    each("length", &BytesWrite::length);
    each("value", &BytesWrite::value);
  }
  bool operator==(const BytesWrite&) const = default;
};

// Reads `length` bytes, or as many as there are: says how many, what is left, their sum, and the
// first and the last eight as little-endian words, short ones padded with zeros.
struct BytesRead {
  static constexpr const char* kName = "bytes_read";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 5> kResults = {{{"copied", As::number},
                                                      {"remain", As::number},
                                                      {"sum", As::number},
                                                      {"first", As::number},
                                                      {"last", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Frame from;  // Must hold an untyped frame.
  Extent skip;
  Extent length;  // At most 8192 bytes.

  static constexpr void fields(auto&& each) {
    each("from", &BytesRead::from);
    each("skip", &BytesRead::skip);
    each("length", &BytesRead::length);
  }
  bool operator==(const BytesRead&) const = default;
};

// Reads from one frame into another, as if all were read before any is written.
struct BytesCopy {
  static constexpr const char* kName = "bytes_copy";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 3> kResults = {
      {{"copied", As::number}, {"remain", As::number}, {"avail", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Frame from;        // Must hold an untyped frame.
  Frame into;        // Must hold an untyped frame.
  Extent skip;       // Of the bytes read.
  Extent skip_into;  // Of the bytes written.
  Extent length;     // The reader's limit.

  static constexpr void fields(auto&& each) {
    each("from", &BytesCopy::from);
    each("into", &BytesCopy::into);
    each("skip", &BytesCopy::skip);
    each("skip_into", &BytesCopy::skip_into);
    each("length", &BytesCopy::length);
  }
  bool operator==(const BytesCopy&) const = default;
};

// Reads one little-endian value: invalid arguments if fewer bytes are left.
struct BytesReadVal {
  static constexpr const char* kName = "bytes_read_val";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 2> kResults = {
      {{"value", As::number}, {"remain", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::invalid_args, Status::panicked};

  Frame from;  // Must hold an untyped frame.
  Extent skip;
  Extent limit;
  Order size;  // 1 << (size modulo 4) bytes.

  static constexpr void fields(auto&& each) {
    each("from", &BytesReadVal::from);
    each("skip", &BytesReadVal::skip);
    each("limit", &BytesReadVal::limit);
    each("size", &BytesReadVal::size);
  }
  bool operator==(const BytesReadVal&) const = default;
};

// Writes one little-endian value: invalid arguments if there is less room.
struct BytesWriteVal {
  static constexpr const char* kName = "bytes_write_val";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 1> kResults = {{{"avail", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::invalid_args, Status::panicked};

  Frame into;  // Must hold an untyped frame.
  Extent skip;
  Extent limit;
  Order size;   // 1 << (size modulo 4) bytes.
  Count value;  // Its lowest bytes are written.

  static constexpr void fields(auto&& each) {
    each("into", &BytesWriteVal::into);
    each("skip", &BytesWriteVal::skip);
    each("limit", &BytesWriteVal::limit);
    each("size", &BytesWriteVal::size);
    each("value", &BytesWriteVal::value);
  }
  bool operator==(const BytesWriteVal&) const = default;
};

// Reads one value in a single access: invalid arguments if fewer bytes are left, else panics if it
// is not aligned to its size.
struct BytesReadOnce {
  static constexpr const char* kName = "bytes_read_once";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 2> kResults = {
      {{"value", As::number}, {"remain", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::invalid_args, Status::panicked};

  Frame from;  // Must hold an untyped frame.
  Extent skip;
  Extent limit;
  Order size;  // 1 << (size modulo 4) bytes.

  static constexpr void fields(auto&& each) {
    each("from", &BytesReadOnce::from);
    each("skip", &BytesReadOnce::skip);
    each("limit", &BytesReadOnce::limit);
    each("size", &BytesReadOnce::size);
  }
  bool operator==(const BytesReadOnce&) const = default;
};

// Writes one value in a single access: invalid arguments if there is less room, else panics if it
// is not aligned to its size.
struct BytesWriteOnce {
  static constexpr const char* kName = "bytes_write_once";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 1> kResults = {{{"avail", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::invalid_args, Status::panicked};

  Frame into;  // Must hold an untyped frame.
  Extent skip;
  Extent limit;
  Order size;   // 1 << (size modulo 4) bytes.
  Count value;  // Its lowest bytes are written.

  static constexpr void fields(auto&& each) {
    each("into", &BytesWriteOnce::into);
    each("skip", &BytesWriteOnce::skip);
    each("limit", &BytesWriteOnce::limit);
    each("size", &BytesWriteOnce::size);
    each("value", &BytesWriteOnce::value);
  }
  bool operator==(const BytesWriteOnce&) const = default;
};

// Fills all that is left with a value, and says how many values that were. Panics if the place is
// not aligned to the value's size, or what is left is not a multiple of it.
struct BytesFill {
  static constexpr const char* kName = "bytes_fill";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 2> kResults = {
      {{"filled", As::number}, {"avail", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Frame into;  // Must hold an untyped frame.
  Extent skip;
  Extent limit;
  Order size;   // 1 << (size modulo 4) bytes.
  Count value;  // Its lowest bytes are written.

  static constexpr void fields(auto&& each) {
    each("into", &BytesFill::into);
    each("skip", &BytesFill::skip);
    each("limit", &BytesFill::limit);
    each("size", &BytesFill::size);
    each("value", &BytesFill::value);
  }
  bool operator==(const BytesFill&) const = default;
};

// Fills `length` bytes with zeros, or as many as there is room for, and says how many bytes that
// were.
struct BytesFillZeros {
  static constexpr const char* kName = "bytes_fill_zeros";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 2> kResults = {
      {{"filled", As::number}, {"avail", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Frame into;  // Must hold an untyped frame.
  Extent skip;
  Extent limit;
  Extent length;

  static constexpr void fields(auto&& each) {
    each("into", &BytesFillZeros::into);
    each("skip", &BytesFillZeros::skip);
    each("limit", &BytesFillZeros::limit);
    each("length", &BytesFillZeros::length);
  }
  bool operator==(const BytesFillZeros&) const = default;
};

// As bytes_write, over all bytes of a segment.
struct BytesSegmentWrite {
  static constexpr const char* kName = "bytes_segment_write";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 2> kResults = {
      {{"copied", As::number}, {"avail", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Segment into;  // Must hold an untyped segment.
  Extent skip;
  Extent length;  // At most 8192 bytes.
  Count value;

  static constexpr void fields(auto&& each) {
    each("into", &BytesSegmentWrite::into);
    each("skip", &BytesSegmentWrite::skip);
    each("length", &BytesSegmentWrite::length);
    each("value", &BytesSegmentWrite::value);
  }
  bool operator==(const BytesSegmentWrite&) const = default;
};

// As bytes_read, over all bytes of a segment.
struct BytesSegmentRead {
  static constexpr const char* kName = "bytes_segment_read";
  static constexpr const char* kLaw = "B.9";
  static constexpr std::array<Result, 5> kResults = {{{"copied", As::number},
                                                      {"remain", As::number},
                                                      {"sum", As::number},
                                                      {"first", As::number},
                                                      {"last", As::number}}};
  static constexpr std::array kOutcomes = {Status::ok, Status::panicked};

  Segment from;  // Must hold an untyped segment.
  Extent skip;
  Extent length;  // At most 8192 bytes.

  static constexpr void fields(auto&& each) {
    each("from", &BytesSegmentRead::from);
    each("skip", &BytesSegmentRead::skip);
    each("length", &BytesSegmentRead::length);
  }
  bool operator==(const BytesSegmentRead&) const = default;
};

}  // namespace trace
