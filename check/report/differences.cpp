// SPDX-License-Identifier: MPL-2.0
#include "check/report/differences.h"

#include <array>
#include <map>

#include "check/compare.h"
#include "trace/text.h"

namespace check {
namespace {

// What is expected, and what is seen; either may be missing.
template <class T>
using Sides = std::array<const T*, 2>;

// What a fact is about: a page, or a virtual address of a table. These are its first fields.
using Subject = std::array<std::uint64_t, 2>;
Subject subject_of(const trace::Mapped& fact) { return {fact.table, fact.at.value}; }
Subject subject_of(const auto& fact) { return {fact.page, 0}; }
template <class T>
constexpr std::size_t kSubjectFields = std::is_same_v<T, trace::Mapped> ? 2 : 1;

std::string name_of_table(std::uint64_t number) {
  using trace::OwnTable, trace::Table, trace::TableCount;
  if (number < TableCount::kMost) return trace::kTableNames[Table::kFirstShared + number];
  const std::uint64_t own = number - TableCount::kMost;
  return "cpu" + std::to_string(own / OwnTable::kCount) + ' ' +
         trace::kTableNames[own % OwnTable::kCount];
}

template <class T>
std::map<Subject, Sides<T>> sides_of(const Divergence& diverged) {
  std::map<Subject, Sides<T>> all;
  const Facts* const sides[2] = {&diverged.missing, &diverged.unexpected};
  for (std::size_t side = 0; side < 2; ++side) {
    for (const trace::Fact& fact : *sides[side]) {
      if (const auto* one = std::get_if<T>(&fact)) all[subject_of(*one)][side] = one;
    }
  }
  return all;
}

// "use=shared count=2": without its name, and what it is about.
template <class T>
std::string rest_of(const T& fact) {
  const std::string text = text_of(trace::Fact(fact));
  std::size_t at = 0;
  for (std::size_t i = 0; i <= kSubjectFields<T> && at < text.size(); ++i) {
    at = std::min(text.find(' ', at), text.size() - 1) + 1;
  }
  return text.substr(at);
}

constexpr const char* none_of(const trace::PageInUse&) { return "unused"; }
constexpr const char* none_of(const trace::TableNode&) { return "no table"; }
constexpr const char* none_of(const trace::ActiveOn&) { return "active on no CPU"; }
constexpr const char* none_of(const trace::Mapped&) { return "nothing mapped"; }

// "count expected 1, seen 2; in_list expected 0, seen 1"
class Fields {
 public:
  void take(const std::string& name, const std::string& expected, const std::string& seen) {
    if (expected == seen) return;
    text_ += (text_.empty() ? "" : "; ") + name + " expected " + expected + ", seen " + seen;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

template <class T>
std::string text_of_sides(const Sides<T>& sides) {
  const auto [expected, seen] = sides;
  if (seen == nullptr) return "expected " + rest_of(*expected) + "; seen " + none_of(*expected);
  if (expected == nullptr) {
    return std::string("expected ") + none_of(*seen) + "; seen " + rest_of(*seen);
  }
  Fields fields;
  T::fields([&](const char* name, auto member) {
    const auto &left = expected->*member, &right = seen->*member;
    if constexpr (requires { left.size(); }) {
      for (std::size_t i = 0; i < left.size(); ++i) {
        fields.take("word " + std::to_string(i), std::to_string(left[i]), std::to_string(right[i]));
      }
    } else {
      fields.take(name, trace::text_of(left), trace::text_of(right));
    }
  });
  return fields.text();
}

// A page without neighbours has no such fact.
std::string text_of_sides(const Sides<trace::PageLinked>& sides) {
  const trace::PageLinked alone;
  const trace::PageLinked& expected = sides[0] == nullptr ? alone : *sides[0];
  const trace::PageLinked& seen = sides[1] == nullptr ? alone : *sides[1];
  auto named = [](std::uint64_t page) {
    return page == trace::PageLinked::kNone ? "none" : "page " + std::to_string(page);
  };
  Fields fields;
  fields.take("next in its list", named(expected.next), named(seen.next));
  fields.take("previous in its list", named(expected.prev), named(seen.prev));
  return fields.text();
}

std::string text_of_sides(const Sides<trace::PageFree>& sides) {
  return sides[0] != nullptr ? "expected to be free for the allocator, seen not to be"
                             : "seen to be free for the allocator, expected not to be";
}

}  // namespace

std::vector<Differing> what_differs(const Divergence& diverged) {
  std::vector<Differing> all;
  const std::pair<const Facts*, const char*> blocks[] = {
      {&diverged.missing, "expected free: "}, {&diverged.unexpected, "the allocator keeps "}};
  for (const auto& [facts, who] : blocks) {
    for (const trace::Fact& fact : *facts) {
      const auto* block = std::get_if<trace::FreeBlock>(&fact);
      if (block != nullptr) all.push_back({"", who + in_words(*block)});
    }
  }

  std::map<std::uint64_t, std::string> pages;
  auto take_pages = [&]<class T>() {
    for (const auto& [subject, sides] : sides_of<T>(diverged)) {
      std::string& text = pages[subject[0]];
      text += (text.empty() ? "" : "; ") + text_of_sides(sides);
    }
  };
  take_pages.template operator()<trace::PageInUse>();
  take_pages.template operator()<trace::TableNode>();
  take_pages.template operator()<trace::ActiveOn>();
  take_pages.template operator()<trace::PageLinked>();
  take_pages.template operator()<trace::PageFree>();
  for (const auto& [page, text] : pages) all.push_back({"page " + std::to_string(page), text});

  for (const auto& [subject, sides] : sides_of<trace::Mapped>(diverged)) {
    all.push_back({name_of_table(subject[0]) + " at " + trace::text_of(trace::Address{subject[1]}),
                   text_of_sides(sides)});
  }
  return all;
}

}  // namespace check
