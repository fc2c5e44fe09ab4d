// SPDX-License-Identifier: MPL-2.0
#include "trace/text.h"

#include <algorithm>

#include "check/compare.h"
#include "check/operands.h"
#include "check/report/differences.h"
#include "check/report/write.h"

namespace check {
namespace {

using Lines = std::vector<std::string>;

constexpr std::size_t kMostSentenceLines = 3;
constexpr std::size_t kMostAnswerLines = 3;

// Columns, as a terminal counts them: the bytes that do not continue a character.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }));
}

// As many characters from the front as fit into that many columns, none of them cut.
std::string front(std::string_view text, std::size_t most) {
  std::size_t size = 0;
  while (size < text.size()) {
    std::size_t next = size + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xc0) == 0x80) ++next;
    if (columns(text.substr(0, next)) > most) break;
    size = next;
  }
  return std::string(text.substr(0, size));
}

// Without anything that moves a cursor.
std::string tame(std::string text) {
  std::ranges::replace_if(
      text, [](char byte) { return static_cast<unsigned char>(byte) < ' ' || byte == 0x7f; }, ' ');
  return text;
}

// In lines of at most kReportColumns, broken at blanks; the first begins with `first`, all others
// with `next`. What does not fit into `most` lines is replaced by dots.
Lines fold(const std::string& text, const std::string& first, const std::string& next,
           std::size_t most) {
  Lines lines;
  std::string line = first;
  bool has_word = false;
  auto end_line = [&] {
    lines.push_back(std::move(line));
    line = next;
    has_word = false;
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find(' ', at), text.size());
    std::string word = text.substr(at, end - at);
    at = std::min(end + 1, text.size());
    if (word.empty()) continue;
    if (has_word && columns(line) + 1 + columns(word) > kReportColumns) end_line();
    while (columns(line) + (has_word ? 1 : 0) + columns(word) > kReportColumns) {
      const std::string part = front(word, kReportColumns - columns(line));
      word = word.substr(part.size());
      line += part;
      end_line();
    }
    line += (has_word ? " " : "") + word;
    has_word = true;
  }
  if (has_word || lines.empty()) lines.push_back(std::move(line));
  if (lines.size() > most) {
    lines.resize(most);
    lines.back() = front(lines.back(), kReportColumns - 4) + " ...";
  }
  return lines;
}

// In one line. What is cut out is in the middle: the end names the law.
std::string in_one_line(const std::string& text) {
  if (columns(text) <= kReportColumns) return text;
  const std::size_t bracket = std::min(text.rfind('('), text.size());
  const std::string end =
      columns(text.substr(bracket)) < kReportColumns / 2 ? text.substr(bracket) : "";
  return front(text, kReportColumns - columns(end) - 5) + " ... " + end;
}

std::string plural(std::size_t number, const std::string& what) {
  return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

void append(Lines& to, const Lines& from) { to.insert(to.end(), from.begin(), from.end()); }

// What was asked, and the number by which this report calls it: 1 for the first call of the trace.
struct Asked {
  std::size_t number = 0;
  const Step* step = nullptr;  // Null: nothing is known of the answer.
  trace::Call call{};
};

// Steps leave out calls that were passed over, and lanes at once begin in any order; so steps are
// matched with calls lane by lane.
std::vector<Asked> asked_in(const Report& report) {
  const trace::Trace& trace = report.trace;
  std::vector<Asked> all;
  if (report.steps.empty()) {
    for (std::size_t i = 0; i < trace.calls.size(); ++i) {
      all.push_back({i + 1, nullptr, trace.calls[i]});
    }
  }
  std::array<std::size_t, trace::Cpu::kMost> next{};
  for (const Step& step : report.steps) {
    const std::uint8_t lane = trace.machine.lane(step.call.lane);
    std::size_t at = next[lane];
    while (at < trace.calls.size() && (trace.machine.lane(trace.calls[at].lane) != lane ||
                                       !(trace.calls[at].op == step.call.op))) {
      ++at;
    }
    if (at < trace.calls.size()) next[lane] = at + 1;
    all.push_back({at + 1, &step, step.call});
  }
  return all;
}

// Results that say nothing: of an on_drop that did not ask.
std::string without_idle(const std::string& answer) {
  std::string kept, word;
  std::istringstream words(answer);
  while (words >> word) {
    if (!word.ends_with("=passed_over")) kept += (kept.empty() ? "" : " ") + word;
  }
  return kept;
}

// The lines of one operation.
Lines lines_of(const Asked& asked, const Report& report) {
  trace::Call call = asked.call;
  call.lane.index = report.trace.machine.lane(call.lane);
  const bool is_wrong = !report.trace.at_once && asked.number == report.diverged.step + 1;
  const std::string number = std::to_string(asked.number);
  const std::string margin = (is_wrong ? " >" : "  ") +
                             std::string(4 - std::min<std::size_t>(number.size(), 4), ' ') +
                             number + "  ";
  const std::string deeper(margin.size() + 4, ' ');
  const std::string asks = text_of(call);
  if (asked.step == nullptr) return fold(asks, margin, deeper, kMostAnswerLines);

  const Step& step = *asked.step;
  std::string seen = text_of(call.op, step.seen);
  const bool may_hang =
      report.diverged.oracle == Oracle::deadlock || report.diverged.oracle == Oracle::endless;
  if (may_hang && report.trace.at_once && step.seen.reply.status == trace::Status::declined) {
    seen = "did not end";
  }
  if (is_expectation_open(step) || step.expected == step.seen) {
    return fold(asks + " -> " + without_idle(seen), margin, deeper, 2);
  }
  std::string expected = text_of(call.op, step.expected);
  if (step.expected.reply.status == trace::Status::impermissible) {
    expected += ": the allocator chose what was not there to choose";
  }
  Lines lines = fold(asks, margin, deeper, 2);
  append(lines, fold(expected, deeper + "expected  ", deeper + "          ", kMostAnswerLines));
  append(lines, fold(seen, deeper + "seen      ", deeper + "          ", kMostAnswerLines));
  return lines;
}

// The operations, in at most that many lines. If there are too many, those nearest to the
// divergence are kept.
Lines operations(const Report& report, std::size_t most) {
  const std::vector<Asked> all = asked_in(report);
  std::vector<Lines> blocks;
  std::size_t last = all.empty() ? 0 : all.size() - 1;  // The one to keep in any case.
  bool is_at_once = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    blocks.push_back(lines_of(all[i], report));
    if (!report.trace.at_once && all[i].number == report.diverged.step + 1) last = i;
    if (report.trace.at_once && !is_at_once && all[i].number > report.trace.prologue) {
      is_at_once = true;
      blocks.back().insert(blocks.back().begin(),
                           "        at once, in the order in which they began:");
    }
  }
  std::size_t total = 0;
  for (const Lines& block : blocks) total += block.size();

  Lines lines;
  if (total <= most) {
    for (const Lines& block : blocks) append(lines, block);
    return lines;
  }
  // Backwards from the last; two lines are left to say what is not shown.
  std::size_t first = last;
  std::size_t used = blocks[last].size() + 2;
  while (first > 0 && used + blocks[first - 1].size() <= most) used += blocks[--first].size();
  std::size_t end = last + 1;
  while (end < blocks.size() && used + blocks[end].size() <= most) used += blocks[end++].size();
  if (first > 0) {
    lines.push_back("        ... " + plural(first, "earlier operation") + ": see the JSON report");
  }
  for (std::size_t i = first; i < end; ++i) append(lines, blocks[i]);
  if (lines.size() >= most) lines.resize(most - 1);
  if (end < blocks.size()) {
    lines.push_back("        ... " + plural(blocks.size() - end, "later operation") +
                    ": see the JSON report");
  }
  return lines;
}

// What the letters of registers stand for: those of handles, and of the others those that occur.
std::string registers_in(const trace::Trace& trace) {
  std::string text = "f, u, r: registers of shared and unique handles, raw counts";
  auto explain = [&]<class Noun>(std::type_identity<Noun>, const char* what) {
    const bool occurs = std::ranges::any_of(trace.calls, [](const trace::Call& call) {
      bool names = false;
      each_of<Noun>(call.op, [&](const Noun&) { names = true; });
      return names;
    });
    if (occurs) text += std::string("; ") + Noun::kLetter + ": " + what;
  };
  explain(std::type_identity<trace::Segment>{}, "segments");
  explain(std::type_identity<trace::RawSegment>{}, "raw counts of segments");
  explain(std::type_identity<trace::Block>{}, "blocks of pages");
  explain(std::type_identity<trace::List>{}, "lists");
  return text;
}

// The number of the `op`-th operation at once of a lane; 0 if there is none.
std::size_t number_of(const trace::Trace& trace, const trace::Where& where) {
  std::uint32_t left = where.op;
  for (std::size_t i = trace.prologue; i < trace.calls.size(); ++i) {
    if (trace.machine.lane(trace.calls[i].lane) != where.lane) continue;
    if (left-- == 0) return i + 1;
  }
  return 0;
}

Lines turns(const trace::Trace& trace) {
  Lines lines;
  for (const trace::Choice& choice : trace.schedule) {
    const trace::Where& at = choice.where;
    const std::size_t number = number_of(trace, at);
    const std::string access = "atomic access " + std::to_string(at.point + std::uint64_t{1}) +
                               " of operation " + std::to_string(number);
    std::string line = "        cpu" + std::to_string(at.lane);
    if (choice.what == trace::Choice::What::failure) {
      line +=
          number == 0 ? " fails nowhere" : ": the weak compare-exchange at " + access + " fails";
    } else if (number == 0) {
      line += " goes to its end";
    } else {
      line += " goes until it is about to make " + access;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// What differs, in a block each.
std::vector<Lines> state_difference(const Divergence& diverged) {
  const std::string margin(8, ' '), deeper(12, ' ');
  std::vector<Lines> blocks;
  for (const auto& [subject, text] : what_differs(diverged)) {
    blocks.push_back(fold(text, margin + (subject.empty() ? "" : subject + ": "), deeper, 3));
  }
  return blocks;
}

// Whole blocks, in at most that many lines; then how many more there are.
Lines some_of(const std::vector<Lines>& blocks, std::size_t most, const std::string& what) {
  std::size_t total = 0;
  for (const Lines& block : blocks) total += block.size();
  const std::size_t room = total <= most ? most : most - 1;
  Lines lines;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (lines.size() + blocks[i].size() > room) {
      lines.push_back("        ... " + plural(blocks.size() - i, "more " + what) +
                      ": see the JSON report");
      break;
    }
    append(lines, blocks[i]);
  }
  return lines;
}

Lines origin(const Report& report) {
  const trace::Machine& machine = report.trace.machine;
  std::string text = "Found";
  if (!report.property.empty()) text += " by \"" + tame(report.property) + '"';
  if (!report.system.empty()) text += " in " + tame(report.system);
  if (report.seed != 0) text += ", seed " + std::to_string(report.seed);
  text += '.';
  if (report.shrunk.tries > 0) {
    text += " Shrunk from " + plural(report.shrunk.from_ops, "operation") + " to " +
            std::to_string(report.shrunk.to_ops) + " in " +
            (report.shrunk.tries == 1 ? "1 try" : std::to_string(report.shrunk.tries) + " tries") +
            '.';
  }
  Lines lines = fold(text, "", "", 3);
  append(
      lines,
      fold("The machine has " + plural(machine.pages.raw, "page") + ", of which the first" +
               (machine.loose.raw == 1 ? " is" : ' ' + std::to_string(machine.loose.raw) + " are") +
               " loose (never the allocator's), and " + plural(machine.cpus.count, "CPU") + '.',
           "", "", 1));
  return lines;
}

const Step* wrong_step(const Report& report) {
  if (report.steps.empty()) return nullptr;
  for (const Asked& asked : asked_in(report)) {
    if (asked.number == report.diverged.step + 1) return asked.step;
  }
  return &report.steps.back();
}

}  // namespace

std::string replay_command(const std::string& json_file, const std::string& system) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,/:@%";
  const bool is_on_guest = system.ends_with(" on guest");
  const std::string command =
      std::string("./pagetwin replay ") + (is_on_guest ? "--on guest " : "");
  // A name like an option must not become one.
  const std::string name = json_file.starts_with('-') ? "./" + json_file : json_file;
  if (!name.empty() && name.find_first_not_of(kPlain) == std::string::npos) return command + name;
  const bool is_tame = tame(name) == name;
  std::string word = is_tame ? "'" : "$'";
  for (const char letter : name) {
    if (letter == '\'') {
      word += is_tame ? "'\\''" : "\\'";
    } else if (!is_tame && letter == '\\') {
      word += "\\\\";
    } else if (static_cast<unsigned char>(letter) < ' ' || letter == 0x7f) {
      constexpr char kDigits[] = "01234567";
      const auto byte = static_cast<unsigned char>(letter);
      word += {'\\', kDigits[byte >> 6], kDigits[byte >> 3 & 7], kDigits[byte & 7]};
    } else {
      word += letter;
    }
  }
  return command + word + '\'';
}

std::string text_report(const Report& report, const std::string& json_file) {
  const Divergence& diverged = report.diverged;
  const Step* const wrong = wrong_step(report);
  Lines head = {in_one_line(tame(what_is_wrong(diverged, wrong == nullptr ? Step{} : *wrong)))};
  if (!report.sentence.empty()) {
    append(head,
           fold(diverged.law + ": " + tame(report.sentence), "    ", "    ", kMostSentenceLines));
  }
  if (!diverged.said.empty()) {
    append(head, fold("The system says: " + tame(diverged.said), "    ", "    ", 3));
  }
  head.push_back("");
  append(head, origin(report));
  head.push_back("");
  append(head, fold("Asked, in this order, and answered (" + registers_in(report.trace) + "):", "",
                    "", 2));

  const std::vector<Lines> pages = state_difference(diverged);
  std::vector<Lines> turn_blocks;
  for (std::string& line : turns(report.trace)) turn_blocks.push_back({std::move(line)});

  // A blank and a heading before turns and before pages, and a blank and the command at the end.
  // Operations get what is left over.
  const std::size_t room =
      kReportLines - head.size() - (turn_blocks.empty() ? 0 : 2) - (pages.empty() ? 0 : 2) - 2;
  const Lines some_pages = some_of(pages, room / 4, "difference");
  const Lines some_turns = some_of(turn_blocks, room / 4, "turn");

  Lines lines = std::move(head);
  append(lines, operations(report, room - some_pages.size() - some_turns.size()));
  if (!some_turns.empty()) {
    append(lines, {"", "The CPUs took turns so:"});
    append(lines, some_turns);
  }
  if (!some_pages.empty()) {
    append(lines,
           {"", report.trace.at_once ? "Then the states differ:"
                                     : "After operation " + std::to_string(diverged.step + 1) +
                                           " the states differ:"});
    append(lines, some_pages);
  }
  append(lines, {"", replay_command(json_file, report.system)});
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

}  // namespace check
