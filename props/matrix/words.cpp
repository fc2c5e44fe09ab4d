// SPDX-License-Identifier: MPL-2.0
#include "props/matrix/words.h"

#include <cstdio>

namespace props::matrix {
namespace {

constexpr std::array kEntryNames = {"PTE", "PDE", "PDPTE", "PML4E"};

std::string hex(std::uint64_t number) {
  char text[24];
  (void)std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
  return text;
}

// " PDPTE PDE": the entries in which a bit was set that was clear.
std::string where_set(const Question& question, const Reply& reply, std::uint64_t bit) {
  std::string names;
  for (std::size_t i = kLevels; i-- > 0;) {
    if ((reply.entries[i] & ~question.entries[i] & bit) != 0) {
      names += std::string(" ") + kEntryNames[i];
    }
  }
  return names;
}

// "0x3 (P W)"
std::string error_name(std::uint64_t error) {
  constexpr std::array kBits = {"P", "W", "U", "RSVD", "I"};
  std::string names;
  for (std::size_t i = 0; i < kBits.size(); ++i) {
    if ((error >> i & 1) != 0) names += (names.empty() ? "" : " ") + std::string(kBits[i]);
  }
  return hex(error) + " (" + (names.empty() ? "no bit" : names) + ")";
}

}  // namespace

std::string in_words(const Question& question, const Reply& reply) {
  std::string text;
  switch (reply.outcome) {
    case Reply::reached: text = "reaches " + hex(reply.pa); break;
    case Reply::page_fault:
      text = "page fault, error code " + error_name(reply.error) + ", CR2 " + hex(reply.cr2);
      break;
    case Reply::other: text = "neither reaches the page nor is a page fault"; break;
  }
  const std::string accessed = where_set(question, reply, kAccessed);
  const std::string dirty = where_set(question, reply, kDirty);
  if (!accessed.empty()) text += "; sets A of" + accessed;
  if (!dirty.empty()) text += "; sets D of" + dirty;
  if (accessed.empty() && dirty.empty()) text += "; sets neither A nor D";
  for (std::size_t i = kLevels; i-- > 0;) {
    const std::uint64_t before = question.entries[i] | kAccessed | kDirty;
    if ((reply.entries[i] | kAccessed | kDirty) == before) continue;
    text += std::string("; makes ") + kEntryNames[i] + " " + hex(reply.entries[i]);
  }
  return text;
}

std::string in_words(const Question& question) {
  std::string text = question.as_user ? "ring 3 " : "ring 0 ";
  constexpr std::array kAccesses = {"loads from ", "stores to ", "fetches from "};
  text += kAccesses[question.access] + hex(question.va);
  auto flag = [&](const char* name, bool is_set) {
    text += std::string(" ") + name + (is_set ? "=1" : "=0");
  };
  text += ",";
  flag("WP", question.wp);
  flag("SMEP", question.smep);
  flag("SMAP", question.smap);
  flag("AC", question.ac);
  flag("NXE", question.nxe);
  for (int level = kLevels; level >= question.level; --level) {
    const std::size_t i = static_cast<std::size_t>(level - 1);
    const std::uint64_t raw = question.entries[i];
    char line[80];
    (void)std::snprintf(line, sizeof line, "\n    %-5s  %c%c%c %-2s  0x%016llx", kEntryNames[i],
                        (raw & kPresent) != 0 ? 'P' : '-', (raw & kWritable) != 0 ? 'W' : '-',
                        (raw & kUser) != 0 ? 'U' : '-', (raw & kNoExecute) != 0 ? "NX" : "-",
                        static_cast<unsigned long long>(raw));
    text += line;
  }
  if (question.keeps) text += "\n    and nothing was forgotten before";
  return text;
}

const char* size_name(int level) {
  constexpr std::array kNames = {"4 KiB", "2 MiB", "1 GiB"};
  return kNames[static_cast<std::size_t>(level - 1)];
}

std::string in_words(const Mismatch& mismatch) {
  const Question& question = mismatch.question;
  return std::string("case ") + std::to_string(mismatch.number) + " of " +
         size_name(question.level) + " pages: " + in_words(question) +  //
         "\n  expected  " + in_words(question, mismatch.expected) +     //
         "\n  seen      " + in_words(question, mismatch.seen) + "\n";
}

}  // namespace props::matrix
