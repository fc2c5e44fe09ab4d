// SPDX-License-Identifier: MPL-2.0
// A matrix that was never seen to fail proves nothing: CPUs that are wrong, each in one way, and
// each is found.
#include <functional>
#include <gtest/gtest.h>
#include <string>

#include "props/matrix/matrix.h"
#include "props/matrix/simulated.h"
#include "props/matrix/words.h"

namespace {

using namespace props::matrix;

// What is wrong with a CPU: what it takes the question for, and what it makes of the reply.
struct Fault {
  std::string name;
  std::function<void(Question&)> takes = [](Question&) {};
  std::function<void(const Question&, Reply&)> makes = [](const Question&, Reply&) {};
};

class Broken {
 public:
  explicit Broken(Fault fault) : fault_(std::move(fault)) {}

  Room room() const { return right_.room(); }

  Reply ask(const Question& question) {
    Question taken = question;
    fault_.takes(taken);
    Reply reply = right_.ask(taken);
    // What it does not see in an entry is there all the same.
    for (std::size_t i = 0; i < kLevels; ++i) {
      reply.entries[i] ^= taken.entries[i] ^ question.entries[i];
    }
    fault_.makes(question, reply);
    return reply;
  }

 private:
  Simulated right_;
  Fault fault_;
};

bool finds(const Fault& fault, Breadth breadth) {
  Broken cpu(fault);
  return run(cpu, breadth, 1).total().mismatches == 1;
}

void expect_found(const Fault& fault, Breadth breadth = Breadth::alike) {
  EXPECT_TRUE(finds(fault, breadth)) << fault.name;
}

constexpr std::size_t place(int level) { return static_cast<std::size_t>(level - 1); }

TEST(Broken, TheSameCpuWithoutAFaultIsNotFound) {
  EXPECT_FALSE(finds({.name = "none"}, Breadth::alike));
}

TEST(Broken, FlagsThatAreIgnoredOrTakenForOthers) {
  expect_found({.name = "WP ignored", .takes = [](Question& q) { q.wp = false; }});
  expect_found({.name = "WP always", .takes = [](Question& q) { q.wp = true; }});
  expect_found({.name = "SMEP ignored", .takes = [](Question& q) { q.smep = false; }});
  expect_found({.name = "SMEP always", .takes = [](Question& q) { q.smep = true; }});
  expect_found({.name = "SMAP ignored", .takes = [](Question& q) { q.smap = false; }});
  expect_found({.name = "SMAP always", .takes = [](Question& q) { q.smap = true; }});
  expect_found({.name = "AC ignored", .takes = [](Question& q) { q.ac = false; }});
  expect_found({.name = "AC always", .takes = [](Question& q) { q.ac = true; }});
  expect_found({.name = "NXE ignored", .takes = [](Question& q) { q.nxe = false; }});
  expect_found({.name = "NXE always", .takes = [](Question& q) { q.nxe = true; }});
  expect_found({.name = "AC suspends SMEP", .takes = [](Question& q) { q.smep &= !q.ac; }});
  expect_found({.name = "AC suspends WP", .takes = [](Question& q) { q.wp &= !q.ac; }});
  expect_found({.name = "SMAP only with WP", .takes = [](Question& q) { q.smap &= q.wp; }});
  expect_found({.name = "SMEP only with NXE", .takes = [](Question& q) { q.smep &= q.nxe; }});
  expect_found({.name = "SMAP not for stores",
                .takes = [](Question& q) { q.smap &= q.access != Question::store; }});
}

TEST(Broken, AccessesTakenForOthers) {
  expect_found({.name = "ring 3 is ring 0", .takes = [](Question& q) { q.as_user = false; }});
  expect_found({.name = "a fetch is a load", .takes = [](Question& q) {
                  if (q.access == Question::fetch) q.access = Question::load;
                }});
  expect_found({.name = "a store is a load", .takes = [](Question& q) {
                  if (q.access == Question::store) q.access = Question::load;
                }});
}

enum class As { leaf, table };

// What an entry of one level says, as a leaf or as a table, is ignored: it passes for one with
// these bits set, or clear.
Fault ignores(int level, As as, std::uint64_t bits, bool are_set) {
  return {.name = "level " + std::to_string(level) + (are_set ? " with " : " without ") +
                  std::to_string(bits),
          .takes = [=](Question& q) {
            if (as == As::leaf ? level != q.level : level <= q.level) return;
            std::uint64_t& entry = q.entries[place(level)];
            entry = are_set ? entry | bits : entry & ~bits;
          }};
}

TEST(Broken, LeavesThatAreIgnored) {
  for (int level = 1; level <= kLeafLevels; ++level) {
    expect_found(ignores(level, As::leaf, kPresent, true));
    expect_found(ignores(level, As::leaf, kWritable, true));
    expect_found(ignores(level, As::leaf, kUser, true));
    expect_found(ignores(level, As::leaf, kNoExecute, false));
  }
}

// Where all tables have the same rights, one stands in for another: so each must have its own.
TEST(Broken, EachTableMattersByItself) {
  for (int level = 2; level <= kLevels; ++level) {
    const bool can_be_the_only_table = level == kLevels;  // Of a 1 GiB page.
    for (const Fault& fault :
         {ignores(level, As::table, kWritable, true), ignores(level, As::table, kUser, true),
          ignores(level, As::table, kNoExecute, false)}) {
      EXPECT_EQ(finds(fault, Breadth::alike), can_be_the_only_table) << fault.name;
      EXPECT_TRUE(finds(fault, Breadth::rights)) << fault.name;
    }
    EXPECT_TRUE(finds(ignores(level, As::table, kPresent, true), Breadth::all));
  }
}

TEST(Broken, Bit63IsReservedInEachTableToo) {
  for (int level = 2; level <= kLevels; ++level) {
    const Fault fault{.name = "not at level " + std::to_string(level), .takes = [=](Question& q) {
                        if (!q.nxe && level > q.level) q.entries[place(level)] &= ~kNoExecute;
                      }};
    expect_found(fault, Breadth::rights);
  }
}

Fault says(std::string name, std::function<void(const Question&, Reply&)> makes) {
  return {.name = std::move(name), .makes = [=](const Question& q, Reply& reply) {
            if (reply.outcome == Reply::page_fault) makes(q, reply);
          }};
}

TEST(Broken, ErrorCodesAndAddresses) {
  for (int bit = 0; bit < 5; ++bit) {
    expect_found(says("without bit " + std::to_string(bit), [=](const Question&, Reply& reply) {
      reply.error &= ~(std::uint64_t{1} << bit);
    }));
  }
  expect_found(says("I for every fetch", [](const Question& q, Reply& reply) {
    if (q.access == Question::fetch) reply.error |= 16;
  }));
  expect_found(says("I only with NXE", [](const Question& q, Reply& reply) {
    if (!q.nxe) reply.error &= ~std::uint64_t{16};
  }));
  expect_found(says("RSVD without P", [](const Question&, Reply& reply) {
    if ((reply.error & 8) != 0) reply.error &= ~std::uint64_t{1};
  }));
  expect_found(says("RSVD of what is absent", [](const Question& q, Reply& reply) {
    const std::uint64_t leaf = q.entries[place(q.level)];
    if ((reply.error & 1) == 0 && (leaf & kPresent) == 0 && !q.nxe && (leaf & kNoExecute) != 0) {
      reply.error |= 9;
    }
  }));
  expect_found(says("CR2 without offset",
                    [](const Question&, Reply& reply) { reply.cr2 &= ~std::uint64_t{4095}; }));
  expect_found(
      {.name = "large pages without their offset", .makes = [](const Question& q, Reply& reply) {
         if (q.level > 1) reply.pa -= q.va % 0x20'0000 & ~std::uint64_t{4095};
       }});
}

TEST(Broken, AccessedAndDirtyFlags) {
  for (int level = 1; level <= kLevels; ++level) {
    const std::string at = " at level " + std::to_string(level);
    expect_found({.name = "no A" + at, .makes = [=](const Question&, Reply& reply) {
                    reply.entries[place(level)] &= ~kAccessed;
                  }});
    expect_found(says("A in spite of a fault" + at, [=](const Question& q, Reply& reply) {
      if (level >= q.level) reply.entries[place(level)] |= kAccessed;
    }));
    if (level == 1) continue;
    expect_found({.name = "D of a table" + at, .makes = [=](const Question& q, Reply& reply) {
                    const bool is_written = q.access == Question::store &&
                                            reply.outcome == Reply::reached && level > q.level;
                    if (is_written) reply.entries[place(level)] |= kDirty;
                  }});
  }
  auto mark_dirty = [](const Question& q, Reply& reply) {
    reply.entries[place(q.level)] |= kDirty;
  };
  expect_found({.name = "D by a load", .makes = [=](const Question& q, Reply& reply) {
                  const bool is_load = q.access == Question::load;
                  if (is_load && reply.outcome == Reply::reached) mark_dirty(q, reply);
                }});
  expect_found(says("D by a store that faults", [=](const Question& q, Reply& reply) {
    if (q.access == Question::store) mark_dirty(q, reply);
  }));
  for (int size = 1; size <= kLeafLevels; ++size) {
    expect_found({.name = "no D by a store", .makes = [=](const Question& q, Reply& reply) {
                    if (q.level == size) reply.entries[place(size)] &= ~kDirty;
                  }});
  }
  for (int level = 1; level <= kLevels; ++level) {
    expect_found({.name = "another bit is lost", .makes = [=](const Question& q, Reply& reply) {
                    if (level >= q.level) reply.entries[place(level)] &= ~(std::uint64_t{1} << 53);
                  }});
  }
}

}  // namespace
