// SPDX-License-Identifier: MPL-2.0
#include "check/compare.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "trace/text.h"

namespace check {
namespace {

using trace::ActiveOn;
using trace::FreeBlock;
using trace::Mapped;
using trace::PageFree;
using trace::PageInUse;
using trace::PageLinked;
using trace::Status;
using trace::TableNode;
using trace::Use;

// What both sides say of one page; null: nothing.
struct OnPage {
  std::uint64_t page = 0;
  const PageInUse* expected = nullptr;
  const PageInUse* seen = nullptr;
  PageLinked linked_expected{};  // No neighbours, if nothing is said of them.
  PageLinked linked_seen{};
  std::optional<TableNode> node_expected{};
  std::optional<TableNode> node_seen{};
  std::uint64_t cpus_expected = 0;  // That a space is active on.
  std::uint64_t cpus_seen = 0;
  bool is_free_missing = false;
  bool is_free_unexpected = false;
};

constexpr std::uint64_t kNoPage = ~std::uint64_t{0};

// kNoPage: it is of no page.
std::uint64_t page_of(const trace::Fact& fact) {
  return std::visit(
      []<class T>(const T& one) {
        if constexpr (std::same_as<T, Mapped>) {
          return kNoPage;
        } else {
          return one.page;
        }
      },
      fact);
}

// Of the first page that differs. Facts about pages in use come before those about free ones.
OnPage first_page(const Facts& missing, const Facts& unexpected) {
  OnPage on;
  on.page = kNoPage;
  for (const Facts* facts : {&missing, &unexpected}) {
    for (const trace::Fact& fact : *facts) on.page = std::min(on.page, page_of(fact));
  }
  for (const Facts* facts : {&missing, &unexpected}) {
    const bool is_expected = facts == &missing;
    for (const trace::Fact& fact : *facts) {
      if (page_of(fact) != on.page) continue;
      if (const auto* in_use = std::get_if<PageInUse>(&fact)) {
        (is_expected ? on.expected : on.seen) = in_use;
      } else if (const auto* linked = std::get_if<PageLinked>(&fact)) {
        (is_expected ? on.linked_expected : on.linked_seen) = *linked;
      } else if (const auto* node = std::get_if<TableNode>(&fact)) {
        (is_expected ? on.node_expected : on.node_seen) = *node;
      } else if (const auto* active = std::get_if<ActiveOn>(&fact)) {
        (is_expected ? on.cpus_expected : on.cpus_seen) = active->cpus;
      } else if (std::holds_alternative<PageFree>(fact)) {
        (is_expected ? on.is_free_missing : on.is_free_unexpected) = true;
      }
    }
  }
  return on;
}

// Of a page of which nothing else differs, or which is like the other but for them.
bool have_other_neighbours(const OnPage& on) {
  return on.linked_expected.next != on.linked_seen.next ||
         on.linked_expected.prev != on.linked_seen.prev;
}

// The law of a page-table node that is not as it should be; null if it is.
const char* law_of_node(const OnPage& on) {
  if (on.node_expected == on.node_seen) {
    return on.cpus_expected == on.cpus_seen ? nullptr : "INV-44";
  }
  if (!on.node_expected || !on.node_seen) return "INV-26";
  if (on.node_expected->level != on.node_seen->level) return "INV-24";
  if (on.node_expected->children != on.node_seen->children) return "INV-25";
  return on.node_expected->stray != on.node_seen->stray ? "INV-32" : "INV-39";
}

Use use_of(const PageInUse* fact) { return fact == nullptr ? Use::unused : fact->use; }

// The table of compare.h, row by row.
const char* law_of(const OnPage& on, const trace::Op& op) {
  const Use expected = use_of(on.expected), seen = use_of(on.seen);
  if (on.expected == nullptr && on.seen == nullptr) {
    if (const char* const law = law_of_node(on)) return law;
    if (have_other_neighbours(on)) return "INV-21";
    return on.is_free_missing ? "INV-9" : "INV-2";
  }
  if (expected != seen) {
    if (seen == Use::busy) return "INV-6";
    if (seen == Use::unused) return "INV-11";
    if (expected == Use::unused && seen == Use::shared) return "INV-12";
    return "INV-14";
  }
  if (seen == Use::unused) return "INV-2";
  if (on.expected->count != on.seen->count) return "INV-13";
  if (on.expected->in_list != on.seen->in_list) return "INV-23";
  if (const char* const law = law_of_node(on)) return law;
  if (have_other_neighbours(on)) return "INV-21";
  if (on.expected->kind != on.seen->kind || on.expected->usage != on.seen->usage) return "INV-7";
  return trace::law_of(op);
}

template <class... Parts>
std::string joined(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// "followed by page 7, not by page 8"
std::string other_neighbours(const OnPage& on) {
  auto said = [](const char* how, std::uint64_t expected, std::uint64_t seen) {
    auto text = [](std::uint64_t page) {
      return page == PageLinked::kNone ? std::string("no page") : joined("page ", page);
    };
    return joined(how, text(seen), " in its list, not by ", text(expected));
  };
  return on.linked_expected.next != on.linked_seen.next
             ? said("followed by ", on.linked_expected.next, on.linked_seen.next)
             : said("preceded by ", on.linked_expected.prev, on.linked_seen.prev);
}

// "cpu0,cpu2"
std::string cpus_text(std::uint64_t cpus) {
  std::string text;
  for (unsigned cpu = 0; cpu < 64; ++cpu) {
    if ((cpus >> cpu & 1) != 0) text += joined(text.empty() ? "" : ",", "cpu", cpu);
  }
  return text.empty() ? "no CPU" : text;
}

// "a page-table node with 3 children, not 2"
std::string other_node(const OnPage& on) {
  if (on.node_expected == on.node_seen) {
    return joined("a space active on ", cpus_text(on.cpus_seen), ", not ",
                  cpus_text(on.cpus_expected));
  }
  if (!on.node_expected) return "a page-table node, which it should not be";
  if (!on.node_seen) return "no page-table node, which it should be";
  const TableNode &expected = *on.node_expected, &seen = *on.node_seen;
  if (expected.level != seen.level) {
    return joined("a page-table node of level ", seen.level, ", not ", expected.level);
  }
  if (expected.children != seen.children) {
    return joined("a page-table node with ", seen.children, " children, not ", expected.children);
  }
  const char* const was = "a page-table node that is ";
  if (expected.stray != seen.stray) return joined(was, seen.stray != 0 ? "" : "not ", "stray");
  return joined(was, seen.locked != 0 ? "" : "not ", "locked");
}

// The table of trace/virtual.h, by its number in facts.
std::string table_text(std::uint64_t number) {
  using trace::OwnTable, trace::Table, trace::TableCount;
  if (number < TableCount::kMost) {
    return joined("the ", trace::kTableNames[Table::kFirstShared + number], " table");
  }
  number -= TableCount::kMost;
  return joined("cpu", number / OwnTable::kCount, "'s t", number % OwnTable::kCount);
}

std::string place_text(const Mapped& one) {
  return joined(table_text(one.table), " at ", trace::text_of(one.at));
}

// The first page that tables map otherwise; null: as they should.
struct OnTable {
  const Mapped* expected = nullptr;
  const Mapped* seen = nullptr;
};

OnTable first_mapped(const Facts& missing, const Facts& unexpected) {
  auto first = [](const Facts& facts) -> const Mapped* {
    for (const trace::Fact& fact : facts) {
      if (const auto* one = std::get_if<Mapped>(&fact)) return one;
    }
    return nullptr;
  };
  OnTable on{first(missing), first(unexpected)};
  if (on.expected == nullptr || on.seen == nullptr) return on;
  const auto place = [](const Mapped& one) { return std::pair(one.table, one.at); };
  if (place(*on.expected) < place(*on.seen))
    on.seen = nullptr;
  else if (place(*on.seen) < place(*on.expected))
    on.expected = nullptr;
  return on;
}

bool differ_in_property_only(const OnTable& on) {
  if (on.expected == nullptr || on.seen == nullptr) return false;
  Mapped other = *on.seen;
  other.property = on.expected->property;
  return other == *on.expected;
}

// "the user table at 0x200000 mapping 4096 bytes to 0x6000, not ..."
std::string what_is_mapped(const OnTable& on) {
  if (on.expected == nullptr && on.seen == nullptr) return "everything as it should be";
  auto what = [](const Mapped& one) {
    return joined(one.bytes, " bytes to ", trace::text_of(one.to),
                  one.tracked != 0 ? " as a frame" : "");
  };
  if (on.seen == nullptr) {
    return joined(place_text(*on.expected), " mapping nothing of that size, not ",
                  what(*on.expected));
  }
  if (on.expected == nullptr) {
    return joined(place_text(*on.seen), " mapping ", what(*on.seen), ", which it should not");
  }
  if (differ_in_property_only(on)) {
    return joined(place_text(*on.seen), " as ", trace::text_of(on.seen->property), ", not ",
                  trace::text_of(on.expected->property));
  }
  return joined(place_text(*on.seen), " mapping ", what(*on.seen), ", not ", what(*on.expected));
}

// "cpu1's l2": facts have numbers for lists (trace::in_list_of).
std::string list_text(std::uint64_t in_list) {
  if (in_list == 0) return "none";
  if (in_list > trace::Cpu::kMost * std::uint64_t{trace::List::kCount}) return "one that is none";
  return joined("cpu", (in_list - 1) / trace::List::kCount, "'s l",
                (in_list - 1) % trace::List::kCount);
}

// "page 6 shared with count 3, not 2"
std::string what_differs(const OnPage& on) {
  const std::string page = joined("page ", on.page, ' ');
  const Use expected = use_of(on.expected), seen = use_of(on.seen);
  auto text = [](Use use) { return trace::text_of(use); };
  if (on.expected == nullptr && on.seen == nullptr) {
    if (law_of_node(on) != nullptr) return page + other_node(on);
    if (have_other_neighbours(on)) return page + other_neighbours(on);
    return on.is_free_missing ? page + "lost to the allocator, which should have it"
                              : page + "with the allocator, which should not have it";
  }
  if (expected != seen) {
    std::string said = page + text(seen) + ", not " + text(expected);
    if (expected == Use::shared) said += joined(" with count ", on.expected->count);
    return said;
  }
  if (seen == Use::unused) return page + "unused but not clean";
  if (on.expected->count != on.seen->count) {
    return joined(page, "with count ", on.seen->count, ", not ", on.expected->count);
  }
  if (on.expected->in_list != on.seen->in_list) {
    return joined(page, "marked as in list ", list_text(on.seen->in_list), ", not ",
                  list_text(on.expected->in_list));
  }
  if (law_of_node(on) != nullptr) return page + other_node(on);
  if (have_other_neighbours(on)) return page + other_neighbours(on);
  if (on.expected->kind != on.seen->kind) {
    return joined(page, "with metadata of kind ", trace::text_of(on.seen->kind), ", not ",
                  trace::text_of(on.expected->kind));
  }
  if (on.expected->usage != on.seen->usage) {
    return joined(page, "with usage ", trace::text_of(on.seen->usage), ", not ",
                  trace::text_of(on.expected->usage));
  }
  for (std::size_t i = 0; i < on.seen->words.size(); ++i) {
    if (on.expected->words[i] != on.seen->words[i]) {
      return joined(page, "with word ", i, " of its metadata ", on.seen->words[i], ", not ",
                    on.expected->words[i]);
    }
  }
  return page + "not as it should be";
}

// The blocks that cannot all be: the first two that share pages, the first of a pool that no pool
// can have, the first two that should be one. Laws of the allocator judge; this only finds words.
std::string what_is_wrong_with(const std::vector<FreeBlock>& blocks) {
  auto is_of_pool = [](const FreeBlock& one) { return one.where < trace::kFirstCache; };
  auto is_natural = [](const FreeBlock& one) {
    return std::has_single_bit(one.pages) && one.page % one.pages == 0;
  };
  std::string apart;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const FreeBlock& one = blocks[i];
    if (is_of_pool(one) && !is_natural(one)) {
      return in_words(one) + ", where blocks are powers of two, and aligned";
    }
    for (std::size_t j = i + 1; j < blocks.size(); ++j) {
      const FreeBlock& other = blocks[j];
      if (other.page < one.page + one.pages && one.page < other.page + other.pages) {
        return in_words(one) + ", and also " + in_words(other);
      }
      const bool are_buddies = is_of_pool(one) && one.where == other.where &&
                               one.pages == other.pages && (one.page ^ other.page) == one.pages;
      if (are_buddies && apart.empty()) {
        apart = in_words(one) + ", apart from their buddy at page " + std::to_string(other.page);
      }
    }
  }
  if (!apart.empty()) return apart;
  return blocks.empty() ? "no free pages, though there are some"
                        : "its free pages in blocks that cannot be";
}

std::string text_of(const trace::Reply& reply) {
  std::string text = trace::kStatusNames[static_cast<std::size_t>(reply.status)];
  if (reply.code != trace::Code::none) {
    text += joined('(', trace::kCodeNames[static_cast<std::size_t>(reply.code)], ')');
  }
  return text;
}

std::string text_of(const trace::PageList& pages) {
  if (pages.count == 0) return "none";
  std::ostringstream out;
  for (std::uint16_t i = 0; i < pages.kept(); ++i) out << (i == 0 ? "" : ",") << pages.page[i];
  if (pages.count > pages.kept()) out << ",... (" << pages.count << " in all)";
  return out.str();
}

// The first result in which two replies differ: "count=3, not 2"
std::string differing_result(const trace::Op& op, const trace::Reply& expected,
                             const trace::Reply& seen) {
  return std::visit(
      [&]<class T>(const T&) -> std::string {
        for (std::size_t i = 0; i < seen.results.size(); ++i) {
          if (expected.results[i] == seen.results[i]) continue;
          if (i >= T::kResults.size()) return joined("a result ", i, " that it does not have");
          const auto& [name, as] = T::kResults[i];
          return joined(name, '=', trace::text_of(as, seen.results[i]), ", not ",
                        trace::text_of(as, expected.results[i]));
        }
        return "";
      },
      op);
}

std::string wrong_answer(const Step& step) {
  const std::string name = trace::name_of(step.call.op);
  const trace::Answer &expected = step.expected, &seen = step.seen;
  if (expected.reply.status == Status::impermissible) {
    if (seen.choices.taken.count != 0) {
      return joined(name, " was given ", seen.choices.taken.count == 1 ? "page " : "pages ",
                    text_of(seen.choices.taken), ", which the allocator may not hand out now");
    }
    return seen.choices.refused != 0 ? name + " was refused memory that there is"
                                     : name + " made a choice that it did not have";
  }
  if (seen.reply.status == Status::passed_over && expected.reply.status != Status::passed_over) {
    return joined(name, " was passed over, though the lane holds what it needs; ",
                  text_of(expected.reply), " was expected");
  }
  if (expected.reply.status == Status::passed_over && seen.reply.status != Status::passed_over) {
    return joined(name, " answered ", text_of(seen.reply),
                  ", though the lane does not hold what it needs");
  }
  if (expected.reply.status != seen.reply.status || expected.reply.code != seen.reply.code) {
    return joined(name, " answered ", text_of(seen.reply), ", not ", text_of(expected.reply));
  }
  if (const std::string result = differing_result(step.call.op, expected.reply, seen.reply);
      !result.empty()) {
    return joined(name, " answered ", result);
  }
  if (expected.choices.taken != seen.choices.taken) {
    return joined(name, " took from the allocator: ", text_of(seen.choices.taken), ", not ",
                  text_of(expected.choices.taken));
  }
  if (expected.choices.given != seen.choices.given) {
    return joined(name, " gave to the allocator: ", text_of(seen.choices.given), ", not ",
                  text_of(expected.choices.given));
  }
  return joined(name, " was refused memory ", seen.choices.refused, " times, not ",
                expected.choices.refused);
}

std::vector<FreeBlock> blocks_of(const Facts& facts) {
  std::vector<FreeBlock> blocks;
  for (const trace::Fact& fact : facts) {
    if (const auto* block = std::get_if<FreeBlock>(&fact)) blocks.push_back(*block);
  }
  return blocks;
}

// Whether it is about how the allocator keeps its free pages.
bool are_blocks(const Divergence& found) {
  return found.missing.empty() && blocks_of(found.unexpected).size() == found.unexpected.size();
}

std::string what_happened(const Divergence& found, const Step& step) {
  const std::string name = trace::name_of(step.call.op);
  const bool has_facts = !found.missing.empty() || !found.unexpected.empty();
  const OnPage on_page = first_page(found.missing, found.unexpected);
  std::string left;
  if (has_facts) {
    left = on_page.page != kNoPage ? what_differs(on_page)
                                   : what_is_mapped(first_mapped(found.missing, found.unexpected));
  }
  if (found.oracle == Oracle::facts && are_blocks(found)) {
    left = "the allocator with " + what_is_wrong_with(blocks_of(found.unexpected));
  }
  switch (found.oracle) {
    case Oracle::answer: return wrong_answer(step);
    case Oracle::facts: return name + " left " + left;
    case Oracle::digest:
      return has_facts ? name + ", which does not touch it, left " + left
                       : name + " changed bytes kept for a page that it does not touch";
    case Oracle::state: return "after " + name + " the whole state differs: it has left " + left;
    case Oracle::law: return "the reference itself breaks its law at " + name;
    case Oracle::no_order:
      return "no order of the operations explains what the lanes at once were answered" +
             (has_facts ? ", and left: " + left : std::string());
    case Oracle::deadlock: return "all lanes at once wait for each other";
    case Oracle::endless: return "lanes at once go on without end";
  }
  return name;
}

}  // namespace

Difference difference(const Facts& expected, const Facts& seen) {
  Difference difference;
  std::ranges::set_difference(expected, seen, std::back_inserter(difference.missing));
  std::ranges::set_difference(seen, expected, std::back_inserter(difference.unexpected));
  return difference;
}

std::string in_words(const FreeBlock& block) {
  std::ostringstream out;
  out << (block.pages == 1 ? "page " : "pages ") << block.page;
  if (block.pages != 1) out << " to " << block.page + block.pages - 1;
  if (block.where == trace::kGlobalPool) {
    out << " in the pool of all CPUs";
  } else if (block.where < trace::kFirstCache) {
    out << " in cpu" << block.where - trace::kFirstPool << "'s pool";
  } else {
    out << " in cpu" << block.where - trace::kFirstCache << "'s cache";
  }
  return out.str();
}

std::string law_of(const Difference& difference, const trace::Op& op) {
  if (difference == Difference{}) return law_of(op);
  const OnPage on = first_page(difference.missing, difference.unexpected);
  if (on.page != kNoPage) return law_of(on, op);
  const OnTable mapped = first_mapped(difference.missing, difference.unexpected);
  return differ_in_property_only(mapped) ? law_of(op) : "INV-36";
}

std::string what_is_wrong(const Divergence& divergence, const Step& step,
                          std::string_view sentence) {
  std::string text = what_happened(divergence, step);
  if (divergence.law.empty()) return text;
  text += " (" + divergence.law;
  if (!sentence.empty()) text.append(": ").append(sentence);
  return text + ')';
}

}  // namespace check
