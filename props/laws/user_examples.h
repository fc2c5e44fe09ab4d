// SPDX-License-Identifier: MPL-2.0
// Examples of operations on users' memory, and of copied spaces.
#pragma once

#include "props/laws/space_examples.h"

namespace laws {

// The space of kSpaces maps page 0, which may be written to, at 0, and a device at 1. CPU 0
// translates by it.
inline std::vector<Asked> mapped_for_users() {
  using namespace trace;
  return {{0, FrameFromUnused{at(0), {KindName::empty}, {}, f0}},
          {0, CursorOpen{kSpace, kZero, virt(0, 8), {1}}},
          {0, CursorMapFrame{f0, property(3)}},
          {0, CursorMapRaw{{1, 7}, {1}, property(3)}},
          {0, CursorClose{}},
          {0, TableActivate{kSpace}}};
}
inline std::vector<Asked> with(std::vector<Asked> all, const std::vector<Asked>& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
inline std::vector<Example> user_examples() {
  using trace::Code;
  using namespace trace;  // The operations.
  constexpr std::uint64_t k1 = 4096;
  constexpr std::uint64_t kDevice = (std::uint64_t{1} << 30) + 7 * k1;
  constexpr trace::VirtPlace kUserEnd = virt(8);
  const std::vector<Asked> mapped = mapped_for_users();
  const Asked leave{0, TableActivate{kUser}};

  const Asked read{0, UserRead{kSpace, kZero, extent(0, 8)}};
  const Asked write{0, UserWrite{kSpace, kZero, extent(0, 8), {5}, {}}};
  const Asked load{0, UserLoad{kSpace, kZero}};
  const Asked exchange{0, UserExchange{kSpace, kZero, {0}, {7}}};
  const Asked fork{0, SpaceFork{kSpace, t0}};
  const Asked fill{0, UserWrite{kSpace, kZero, extent(1), {}, {1}}};

  std::vector<Example> all = {
      // Copies (POST-40).
      {"what was written is read", with(mapped, {write}), read, gives({8, 0, 0, 0, 1, 0, 68})},
      {"nothing is read", mapped, {0, UserRead{kSpace, kZero, {}}}, gives({})},
      {"a copy ends at a page that is not there",
       mapped,
       {0, UserRead{kSpace, virt(0, 1), extent(2)}},
       tells(Status::page_fault, {k1, kDevice, 0, 0, 3, 0, 0})},
      {"written is what may be written to", mapped, write, gives({8, 0, 0, 0, 1})},
      {"what is not there is not written to",
       mapped,
       {0, UserWrite{kSpace, virt(0, 2), extent(1), {}, {}}},
       tells(Status::page_fault, {0, 0, 0, 0, 1, 2})},
      {"nothing is beyond users' memory",
       mapped,
       {0, UserRead{kSpace, kUserEnd, extent(0, 1)}},
       refuses(Status::access_denied)},
      {"its end may be asked for", mapped, {0, UserRead{kSpace, kUserEnd, {}}}, gives({})},
      {"the CPU has another table, of a read", with(mapped, {leave}), read,
       refuses(Status::access_denied)},
      {"of a write", with(mapped, {leave}), write, refuses(Status::access_denied)},
      {"of a load", with(mapped, {leave}), load, refuses(Status::access_denied)},
      {"of an exchange", with(mapped, {leave}), exchange, refuses(Status::access_denied)},

      // Words (B.9).
      {"a word is loaded", with(mapped, {write}), load, gives({0x08070605, 0, 1})},
      {"a word is not there",
       mapped,
       {0, UserLoad{kSpace, virt(0, 2)}},
       tells(Status::page_fault, {0, 0, 1, 0})},
      {"a word within a word",
       mapped,
       {0, UserLoad{kSpace, virt(0, 0, kByte)}},
       refuses(Status::panicked, Code::misaligned)},
      {"a word is exchanged", with(mapped, {fill}), exchange, gives({0, 1, 0, 1})},
      {"a word is another", with(mapped, {fill, exchange}), exchange, gives({7, 0, 0, 1})},
      {"no word to be exchanged is there",
       mapped,
       {0, UserExchange{kSpace, virt(0, 2), {}, {}}},
       tells(Status::page_fault, {0, 0, 0, 1, 2})},
      {"a word within a word is not exchanged",
       mapped,
       {0, UserExchange{kSpace, virt(0, 0, kByte), {}, {}}},
       refuses(Status::panicked, Code::misaligned)},

      // Copied spaces (C.10). Pages 13 to 15 are the old one's tables.
      {"an empty space is copied", {}, fork, takes(gives({13 * k1}), {13})},
      {"a space is copied with its tables", mapped, fork,
       takes(gives({16 * k1, 1, 1, 1, 0}), {16, 17, 18, 19})},
      {"another CPU is waited for", with(mapped, {{1, TableActivate{kSpace}}}), fork,
       takes(gives({16 * k1, 1, 1, 1, 2}), {16, 17, 18, 19})},
      {"a copy is copied: nothing can be written to",
       with(mapped, {fork, {1, TableActivate{kSpace}}}),
       {0, SpaceFork{kSpace, t1}},
       takes(gives({20 * k1, 1, 1, 0, 0}), {20, 21, 22, 23})},
      {"what was taken is given back", with(mapped, {{0, AllocFail{{1}, {1}}}}), fork,
       lacks({}, {16})},
      {"then nothing can be written", with(mapped, {write, fork}), write,
       tells(Status::page_fault, {0, 0, 0, 0, 1, 3})},
  };
  for (Example& example : all) example.machine = kSpaces;
  return all;
}

}  // namespace laws
