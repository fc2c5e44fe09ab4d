// SPDX-License-Identifier: MPL-2.0
// Reading JSON that may be anything at all. Every text is either a document of modest shape or
// refused with one sentence that names the place; nothing is thrown. Hosted.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace trace {

using Json = nlohmann::ordered_json;

// What was read, or one sentence that says why nothing was.
template <class T>
struct Read {
  std::optional<T> value{};
  std::string why{};  // Only if there is no value.

  explicit operator bool() const { return value.has_value(); }
};

// What a document may be. Ours need far less, except of elements.
inline constexpr std::size_t kMostBytes = std::size_t{256} << 20;
inline constexpr std::size_t kMostDepth = 32;
inline constexpr std::size_t kMostMembers = 64;          // Of one object.
inline constexpr std::size_t kMostElements = 1'000'000;  // Of one array: of calls, too.

Read<Json> parse_json(std::string_view text) noexcept;

// What fits into a line of about 100 columns is written as one; a list of objects has a line each.
std::string pretty(const Json& json);

// A string as it can be shown in a sentence: in quotes, escaped, and not long.
std::string in_quotes(std::string_view text);

// One value of a document, and its place there: "calls[3].kind". The first thing that is not as it
// should be is noted in `why`; whatever is read after that is of no account.
class Reader {
 public:
  Reader(const Json& root, std::string& why) : value_(root), why_(why) {}

  bool has(const char* name) const { return value_.is_object() && value_.contains(name); }
  Reader member(const char* name) const;  // Must be there.
  Reader element(std::size_t index) const;

  // The value, which must be of that type.
  std::size_t size(std::size_t most) const;  // Of an array.
  std::uint64_t number(std::uint64_t least, std::uint64_t most) const;
  int small_number(int least, int most) const;  // May be below 0.
  bool flag() const;
  std::string text(std::size_t most) const;
  std::size_t one_of(const char* what, std::span<const char* const> names) const;  // Its index.

  bool is_number() const { return value_.is_number(); }
  bool is_object() const { return value_.is_object(); }
  bool is_boolean() const { return value_.is_boolean(); }
  bool is_null() const { return value_.is_null(); }

  // This must be an object without members of other names.
  void only(std::span<const char* const> names) const;
  void only(std::initializer_list<const char*> names) const {
    only(std::span(names.begin(), names.size()));
  }
  // Calls `each(name, value)` for every member.
  void for_each_member(auto&& each) const {
    for (const auto& [name, value] : value_.items()) each(name, below('.' + name, value));
  }

  void refuse(const std::string& what) const;
  bool is_refused() const { return !why_.empty(); }

 private:
  Reader(const Json& value, std::string place, std::string& why)
      : value_(value), place_(std::move(place)), why_(why) {}
  Reader below(const std::string& step, const Json& value) const;

  const Json& value_;
  std::string place_;  // Empty at the root.
  std::string& why_;
};

}  // namespace trace
