// SPDX-License-Identifier: MPL-2.0
#include "trace/json_reader.h"

#include <algorithm>
#include <vector>

namespace trace {
namespace {

constexpr std::size_t kColumns = 100;

// Builds the document as the parser goes, and stops it at the first thing that ours never have.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(std::string_view text) : text_(text) {}

  Json root;
  std::string why;

  bool null() override { return put(Json(nullptr)); }
  bool boolean(bool value) override { return put(Json(value)); }
  bool number_integer(number_integer_t value) override { return put(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return put(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return put(Json(value)); }
  bool string(string_t& value) override { return put(Json(std::move(value))); }
  bool binary(binary_t&) override { return refuse("holds binary data"); }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return open_.pop_back(), true; }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return open_.pop_back(), true; }

  bool key(string_t& name) override {
    Json& object = *open_.back();
    if (object.contains(name)) return refuse("the field " + in_quotes(name) + " appears twice");
    if (object.size() == kMostMembers) {
      return refuse("an object with more than " + std::to_string(kMostMembers) + " fields");
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const bool is_number = error.id == 406;
    const bool is_utf8 = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    // Positions count from 1, and what lies behind the end is read as one more byte.
    const bool is_end =
        position > text_.size() ||
        std::string_view(error.what()).find("missing closing quote") != std::string_view::npos;
    const std::string place = where(position) + ": ";
    why = is_number ? place + "a number that no field can hold"
          : is_end  ? where(text_.size() + 1) + ": the file ends in the midst of things"
          : is_utf8 ? place + "not UTF-8"
                    : place + "not JSON";
    return false;
  }

 private:
  std::string where(std::size_t position) const {
    const std::string_view before =
        text_.substr(0, std::min(text_.size(), position == 0 ? 0 : position - 1));
    const auto line = 1 + std::ranges::count(before, '\n');
    const std::size_t start = before.rfind('\n');
    const std::size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1);
    return "line " + std::to_string(line) + ", column " + std::to_string(column + 1);
  }

  bool refuse(const std::string& what) {
    why = what;
    return false;
  }

  // Where the value went is the last thing of whatever is open.
  bool put(Json&& value) {
    if (open_.empty()) {
      root = std::move(value);
      last_ = &root;
      return true;
    }
    Json& into = *open_.back();
    if (into.is_array()) {
      if (into.size() == kMostElements) {
        return refuse("a list of more than " + std::to_string(kMostElements) + " things");
      }
      into.push_back(std::move(value));
      last_ = &into.back();
    } else {
      last_ = &(into[key_] = std::move(value));
    }
    return true;
  }

  bool open(Json&& container) {
    if (open_.size() == kMostDepth) {
      return refuse("nested more than " + std::to_string(kMostDepth) + " deep");
    }
    if (!put(std::move(container))) return false;
    open_.push_back(last_);
    return true;
  }

  std::string_view text_;
  std::vector<Json*> open_;  // Outermost first. Only the last of them grows, so none moves.
  Json* last_ = nullptr;
  std::string key_;
};

void write(std::string& out, const Json& json, std::size_t indent, std::size_t used) {
  std::string flat = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const bool is_list_of_objects = json.is_array() && !json.empty() && json.front().is_object();
  if (!json.is_structured() || json.empty() ||
      (used + flat.size() < kColumns && !is_list_of_objects)) {
    // As one line, with a blank after each separator that is not in a string.
    bool in_string = false;
    for (std::size_t i = 0; i < flat.size(); ++i) {
      out += flat[i];
      if (in_string && flat[i] == '\\') {
        out += flat[++i];
      } else if (flat[i] == '"') {
        in_string = !in_string;
      } else if (!in_string && (flat[i] == ',' || flat[i] == ':')) {
        out += ' ';
      }
    }
    return;
  }
  const std::string margin(indent + 2, ' ');
  out += json.is_object() ? '{' : '[';
  const char* separator = "\n";
  for (const auto& [name, value] : json.items()) {
    out += std::exchange(separator, ",\n") + margin;
    std::string label;
    if (json.is_object()) {
      label = Json(name).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
    }
    out += label;
    write(out, value, indent + 2, margin.size() + label.size());
  }
  out += '\n' + std::string(indent, ' ') + (json.is_object() ? '}' : ']');
}

const char* kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "a list";
    case Json::value_t::string: return "a string";
    case Json::value_t::boolean: return "true or false";
    default: return "a number";
  }
}

}  // namespace

Read<Json> parse_json(std::string_view text) noexcept {
  try {
    if (text.empty()) return {.why = "the file is empty"};
    if (text.size() > kMostBytes) return {.why = "the file is larger than 256 MiB"};
    Builder builder(text);
    if (!Json::sax_parse(text, &builder)) return {.why = std::move(builder.why)};
    return {.value = std::move(builder.root)};
  } catch (...) {
    return {.why = "not enough memory to read it"};
  }
}

std::string pretty(const Json& json) {
  std::string out;
  write(out, json, 0, 0);
  return out + '\n';
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 40;
  const bool is_long = text.size() > kMost;
  return Json(text.substr(0, kMost)).dump(-1, ' ', true, Json::error_handler_t::replace) +
         (is_long ? "..." : "");
}

Reader Reader::below(const std::string& step, const Json& value) const {
  return {value, place_.empty() && step.front() == '.' ? step.substr(1) : place_ + step, why_};
}

Reader Reader::member(const char* name) const {
  static const Json nothing;
  if (has(name)) return below(std::string(".") + name, value_.find(name).value());
  if (value_.is_object()) {
    refuse("the field " + in_quotes(name) + " is missing");
  } else {
    refuse(std::string("must be an object, and is ") + kind_of(value_));
  }
  return below(std::string(".") + name, nothing);
}

Reader Reader::element(std::size_t index) const {
  return below('[' + std::to_string(index) + ']', value_[index]);
}

std::size_t Reader::size(std::size_t most) const {
  if (!value_.is_array()) {
    refuse(std::string("must be a list, and is ") + kind_of(value_));
    return 0;
  }
  if (value_.size() > most) {
    refuse("must be at most " + std::to_string(most) + " long, and is " +
           std::to_string(value_.size()));
    return 0;
  }
  return value_.size();
}

std::uint64_t Reader::number(std::uint64_t least, std::uint64_t most) const {
  // Only what was written without sign, point and exponent, and fits 64 bits, is unsigned.
  if (value_.is_number_unsigned()) {
    const auto number = value_.get<std::uint64_t>();
    if (number >= least && number <= most) return number;
  }
  const bool is_whole = value_.is_number_integer();
  refuse("must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
         (is_whole             ? ", and is " + value_.dump()
          : value_.is_number() ? ""
                               : std::string(", and is ") + kind_of(value_)));
  return least;
}

int Reader::small_number(int least, int most) const {
  if (value_.is_number_integer()) {
    const auto number = value_.get<std::int64_t>();
    const bool is_huge = value_.is_number_unsigned() && number < 0;  // Beyond 63 bits.
    if (!is_huge && number >= least && number <= most) return static_cast<int>(number);
  }
  refuse("must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
         (value_.is_number() ? ", and is " + value_.dump()
                             : std::string(", and is ") + kind_of(value_)));
  return least;
}

bool Reader::flag() const {
  if (value_.is_boolean()) return value_.get<bool>();
  refuse(std::string("must be true or false, and is ") + kind_of(value_));
  return false;
}

std::string Reader::text(std::size_t most) const {
  if (!value_.is_string()) {
    refuse(std::string("must be a string, and is ") + kind_of(value_));
    return {};
  }
  const auto& text = value_.get_ref<const std::string&>();
  if (text.size() > most) refuse("must be at most " + std::to_string(most) + " bytes long");
  return text;
}

std::size_t Reader::one_of(const char* what, std::span<const char* const> names) const {
  if (!value_.is_string()) {
    refuse(std::string("must be the name of ") + what + ", and is " + kind_of(value_));
    return 0;
  }
  const auto& name = value_.get_ref<const std::string&>();
  const auto found =
      std::ranges::find(names, name, [](const char* one) { return std::string_view(one); });
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  refuse(in_quotes(name) + " is not the name of " + what);
  return 0;
}

void Reader::only(std::span<const char* const> names) const {
  if (!value_.is_object()) {
    refuse(std::string("must be an object, and is ") + kind_of(value_));
    return;
  }
  for (const auto& [name, value] : value_.items()) {
    if (std::ranges::find(names, std::string_view(name)) == names.end()) {
      refuse("there is no field " + in_quotes(name) + " here");
    }
  }
}

void Reader::refuse(const std::string& what) const {
  if (why_.empty()) why_ = place_.empty() ? what : place_ + ": " + what;
}

}  // namespace trace
