// SPDX-License-Identifier: MPL-2.0
// Examples of operations on users' memory, and of copies of spaces.
#pragma once

#include "props/laws/space_examples.h"

namespace laws {

// In kSpaces: page 1 is mapped at 0 in the space, by which CPU 1 translates. Its tables took pages
// 13 to 15.
inline std::vector<Asked> users_prologue() {
  using namespace trace;
  return {{0, FrameFromUnused{at(1), {KindName::empty}, {}, f0}},
          {0, CursorOpen{kSpace, kZero, virt(0, 2), {1}}},
          {0, CursorMapFrame{f0, kReadWrite}},
          {0, CursorClose{}},
          {1, TableActivate{kSpace}}};
}

inline std::vector<Example> user_examples() {
  using trace::Code;
  using namespace trace;  // The operations.
  constexpr std::uint64_t k1 = 4096, kOnes = 0x0101'0101;
  constexpr std::uint64_t kAbsentStore = 2;
  constexpr VirtPlace kNothing = virt(0, 1), kInside = virt(0, 0, kByte);
  const Extent one{0, kByte};
  const std::vector<Asked> mapped = users_prologue();
  const auto denied = refuses(Status::access_denied);
  const auto misaligned = refuses(Status::panicked, Code::misaligned);
  std::vector<Asked> none_left = mapped;
  none_left.push_back({0, AllocFail{{0}, {1}}});

  const Asked open{0, CursorOpen{kSpace, kZero, virt(0, 2), {1}}}, close{0, CursorClose{}};
  std::vector<Asked> copied = mapped, unmapped = mapped;
  copied.push_back({1, SpaceFork{kSpace, t0}});
  unmapped.insert(unmapped.end(), {open, {0, CursorUnmap{kRest}}, close});
  const std::vector<Asked> device = {open, {0, CursorMapRaw{{2, 7}, {1}, kReadWrite}}, close};

  std::vector<Example> all = {
      {"a byte of a user's is read",
       mapped,
       {1, UserRead{kSpace, kZero, one}},
       gives({1, k1, 0, 0, 1, 0, 1})},
      {"nothing is read where nothing is",
       mapped,
       {1, UserRead{kSpace, kNothing, one}},
       tells(Status::page_fault, {0, 0, 0, 0, 1, 0, 0})},
      {"another CPU's space is not read", mapped, {0, UserRead{kSpace, kZero, one}}, denied},
      {"no bytes lie at the end of users' memory",
       mapped,
       {1, UserRead{kSpace, virt(8), {}}},
       gives()},
      {"a byte lies beyond it", mapped, {1, UserRead{kSpace, virt(8), one}}, denied},
      {"a byte of a user's is written",
       mapped,
       {1, UserWrite{kSpace, kZero, one, {7}, {}}},
       gives({1, k1, 0, 0, 1, 0})},
      {"up to where nothing is",
       mapped,
       {1, UserWrite{kSpace, kZero, {1, kByte}, {7}, {}}},
       tells(Status::page_fault, {k1, k1, 0, 0, 3, kAbsentStore})},
      {"another CPU's space is not written",
       mapped,
       {0, UserWrite{kSpace, kZero, one, {7}, {}}},
       denied},
      {"a word is loaded", mapped, {1, UserLoad{kSpace, kZero}}, gives({kOnes, k1, 1, 0})},
      {"there is no word",
       mapped,
       {1, UserLoad{kSpace, kNothing}},
       tells(Status::page_fault, {0, 0, 1, 0})},
      {"another CPU's word is not loaded", mapped, {0, UserLoad{kSpace, kZero}}, denied},
      {"a word is loaded at once", mapped, {1, UserLoad{kSpace, kInside}}, misaligned},
      {"a word is not the expected",
       mapped,
       {1, UserExchange{kSpace, kZero, {5}, {6}}},
       gives({kOnes, 0, k1, 1, 0})},
      {"there is no word to exchange",
       mapped,
       {1, UserExchange{kSpace, kNothing, {5}, {6}}},
       tells(Status::page_fault, {0, 0, 0, 1, kAbsentStore})},
      {"another CPU's word is not exchanged",
       mapped,
       {0, UserExchange{kSpace, kZero, {5}, {6}}},
       denied},
      {"a word is exchanged at once",
       mapped,
       {1, UserExchange{kSpace, kInside, {5}, {6}}},
       misaligned},
      {"a copied space has tables of its own",
       mapped,
       {0, SpaceFork{kSpace, t0}},
       takes(gives({16 * k1, 1, 0, 1, 2}), {16, 17, 18, 19})},
      {"who copies its own space waits for nobody",
       mapped,
       {1, SpaceFork{kSpace, t0}},
       takes(gives({16 * k1, 1, 0, 1, 0}), {16, 17, 18, 19})},
      {"of what may not be written to, nobody is told",
       copied,
       {0, SpaceFork{kSpace, t0}},
       takes(gives({20 * k1, 1, 0, 0, 0}), {20, 21, 22, 23})},
      {"a device's page stays as it was",
       device,
       {0, SpaceFork{kSpace, t0}},
       takes(gives({16 * k1, 0, 1, 0, 0}), {16, 17, 18, 19})},
      {"tables in which nothing is mapped are not copied",
       unmapped,
       {0, SpaceFork{kSpace, t0}},
       takes(gives({16 * k1, 0, 0, 0, 0}), {16})},
      {"there is no memory for a copy", none_left, {0, SpaceFork{kSpace, t0}}, lacks(gives())},
  };
  for (Example& example : all) example.machine = kSpaces;
  return all;
}

}  // namespace laws
