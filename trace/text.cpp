// SPDX-License-Identifier: MPL-2.0
#include "trace/text.h"

namespace trace {

namespace {

void print(std::ostream& out, const char* what, const PageList& pages) {
  if (pages.count == 0) return;
  out << ' ' << what << '=';
  const char* separator = "";
  for (std::uint16_t i = 0; i < pages.kept(); ++i) {
    out << std::exchange(separator, ",") << pages.page[i];
  }
  if (pages.count > pages.kept()) out << ",... (" << pages.count << ')';
}

constexpr std::size_t shown_words(const PageInUse& fact) { return words_of(fact.kind.name); }
constexpr std::size_t shown_words(const auto&) { return 0; }

}  // namespace

void print_set(std::ostream& out, std::span<const char* const> names, std::uint64_t bits) {
  const char* separator = "";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if ((bits >> i & 1) != 0) out << std::exchange(separator, "+") << names[i];
  }
  if (bits >> names.size() != 0) {
    out << std::exchange(separator, "+") << (bits >> names.size() << names.size());
  }
  if (*separator == '\0') out << "none";
}
void print(std::ostream& out, Rights rights) { print_set(out, kRightNames, rights.bits); }
void print(std::ostream& out, Privileged privileged) {
  print_set(out, kPrivilegedNames, privileged.bits);
}
void print(std::ostream& out, Cache cache) {
  out << kCacheNames[static_cast<std::size_t>(cache.name)];
}
void print(std::ostream& out, const Property& property) {
  print(out, property.rights);
  if (property.privileged.bits != 0) print(out << ',', property.privileged);
  if (property.cache != Cache{}) print(out << ',', property.cache);
}
void print(std::ostream& out, const Change& change) {
  if (change.take.bits != 0) print(out << "take:", change.take);
  if (change.give.bits != 0)
    print(out << (change.take.bits != 0 ? ",give:" : "give:"), change.give);
  const bool is_alone = change.take.bits == 0 && change.give.bits == 0;
  if (change.cache != Change::kKeep) {
    out << (is_alone ? "" : ",") << kCacheNames[change.cache - 1u];
  } else if (is_alone) {
    out << "nothing";
  }
}
void print(std::ostream& out, TableKind kind) {
  out << kTableKindNames[static_cast<std::size_t>(kind.name)];
}
void print(std::ostream& out, Table table) { out << kTableNames[table.index]; }
void print(std::ostream& out, Level level) { out << +level.value; }
void print(std::ostream& out, Access access) {
  out << kAccessNames[static_cast<std::size_t>(access.name)];
}

void print(std::ostream& out, VirtPlace at) {
  out << kVirtNames[at.place];
  if (at.pages() != 0) out << (at.pages() > 0 ? "+" : "") << at.pages() << "p";
  if (PageOffset::byte(at.offset) != 0) out << '+' << PageOffset::byte(at.offset);
}
void print(std::ostream& out, Target at) {
  out << kTargetNames[at.base];
  if (at.page != 0) out << '+' << at.page << 'p';
}
void print(std::ostream& out, Length length) {
  const char* const unit = kLengthNames[length.unit];
  if (length.unit == 0) {
    out << +length.count << 'p';
  } else if (length.unit < Length::kRest) {
    out << +length.count << 'x' << unit;
  } else {
    out << unit;
    if (length.count != 0) {
      out << (length.unit == Length::kRest ? '-' : '+') << +length.count << 'p';
    }
  }
  if (PageOffset::byte(length.offset) != 0) out << '+' << PageOffset::byte(length.offset);
}
void print(std::ostream& out, Address at) { out << "0x" << std::hex << at.value << std::dec; }

void print(std::ostream& out, const Op& op) {
  std::visit(
      [&]<class T>(const T& one) {
        out << T::kName;
        T::fields([&](const char* name, auto member) {
          out << ' ' << name << '=';
          print(out, one.*member);
        });
      },
      op);
}

void print(std::ostream& out, const Call& call) {
  print(out, call.lane);
  out << ' ';
  print(out, call.op);
}

void print(std::ostream& out, As as, std::uint64_t number) {
  auto named = [&](const auto& names) {
    if (number < names.size()) {
      out << names[number];
    } else {
      out << number;
    }
  };
  switch (as) {
    case As::number:
    case As::word: out << number; break;
    case As::flag:
      out << (number == 0 ? "no" : number == 1 ? "yes" : std::to_string(number));
      break;
    case As::address: out << "0x" << std::hex << number << std::dec; break;
    case As::kind: named(kKindNames); break;
    case As::usage: named(kUsageNames); break;
    case As::status: named(kStatusNames); break;
    case As::region: named(kRegionNames); break;
    case As::rights: print_set(out, kRightNames, number); break;
    case As::privileged: print_set(out, kPrivilegedNames, number); break;
    case As::cache: named(kCacheNames); break;
    case As::item: named(kItemNames); break;
  }
}

void print(std::ostream& out, const Op& op, const Answer& answer) {
  out << kStatusNames[static_cast<std::size_t>(answer.reply.status)];
  if (answer.reply.code != Code::none) {
    out << '(' << kCodeNames[static_cast<std::size_t>(answer.reply.code)] << ')';
  }
  const auto& results = answer.reply.results;
  const bool are_shown = answer.reply.status == Status::ok || results != Reply{}.results;
  for (std::size_t i = 0; are_shown && i < results_of(op).size(); ++i) {
    const auto [name, as] = results_of(op)[i];
    // Words follow their kind.
    const bool is_beyond = as == As::word && i > words_of(static_cast<KindName>(results[0]));
    if (is_beyond && results[i] == 0) continue;
    out << ' ' << name << '=';
    print(out, as, results[i]);
  }
  print(out, "taken", answer.choices.taken);
  print(out, "given", answer.choices.given);
  if (answer.choices.refused != 0) out << " refused=" << answer.choices.refused;
}

void print(std::ostream& out, const Fact& fact) {
  std::visit(
      [&]<class T>(const T& one) {
        out << T::kName;
        T::fields([&](const char* name, auto member) {
          const auto& part = one.*member;
          if constexpr (std::same_as<std::remove_cvref_t<decltype(part)>, Words>) {
            const std::size_t count = shown_words(one);
            for (std::size_t i = 0; i < count; ++i) {
              out << (i == 0 ? std::string(" ") + name + '=' : ",") << part[i];
            }
          } else {
            out << ' ' << name << '=';
            print(out, part);
          }
        });
      },
      fact);
}

std::ostream& operator<<(std::ostream& out, const Trace& trace) {
  out << trace.machine.pages.raw << " pages (" << trace.machine.loose.raw << " loose), "
      << +trace.machine.cpus.count << (trace.machine.cpus.count == 1 ? " CPU" : " CPUs");
  if (trace.machine.tables.count != 0) out << ", " << +trace.machine.tables.count << " tables";
  out << '\n';
  for (std::size_t i = 0; i < trace.calls.size(); ++i) {
    if (trace.at_once && i == trace.prologue) out << "then, at once:\n";
    const Call call{{trace.machine.lane(trace.calls[i].lane)}, trace.calls[i].op};
    out << "  " << text_of(call) << '\n';
  }
  for (const Choice& choice : trace.schedule) {
    const Where& at = choice.where;
    out << (choice.what == Choice::What::turn ? "  turn of cpu" : "  failure on cpu") << +at.lane
        << (choice.what == Choice::What::turn ? ", until" : ", at") << " operation " << at.op
        << ", point " << at.point << '\n';
  }
  return out;
}

}  // namespace trace
