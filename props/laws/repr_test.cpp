// SPDX-License-Identifier: MPL-2.0
// Laws that speak of several operations, on the model: what is forgotten and restored is
// the same, and what was written as a kind reads back as that kind, and is refused as another.
#include <gtest/gtest.h>

#include "props/laws/bench.h"

namespace laws {
namespace {

using reference::Model;

template <class Each>
void for_each_kind(Each each) {
  for (std::uint8_t i = 0; i < trace::Kind::kCount; ++i) each(static_cast<KindName>(i));
}

trace::Words words_read(const trace::Answer& answer) {
  trace::Words words{};
  std::copy_n(answer.reply.results.begin() + 1, words.size(), words.begin());
  return words;
}

TEST(Raw, FromRawUndoesIntoRaw) {
  for_each_kind([](KindName name) {
    for (const bool is_dynamic : {false, true}) {
      Model model = after(kFourPages, {{0, trace::FrameFromUnused{at(1), {name}, {3}, f0}},
                                       {0, trace::FrameClone{f0, f1}}});
      if (is_dynamic) ask(model, {0, trace::FrameToDyn{f0}});
      const Model was = model;
      const trace::Answer there = ask(model, {0, trace::FrameIntoRaw{f0, r0}});
      EXPECT_EQ(check::facts_of(model, kFourPages), check::facts_of(was, kFourPages));
      EXPECT_EQ(model.held(0, f0), nullptr);
      const trace::Answer back = ask(model, {0, trace::FrameFromRaw{r0, f0}});
      EXPECT_TRUE(there == back) << "Both tell the address.";
      EXPECT_TRUE(model.state() == was.state());
    }
  });
}

TEST(Repr, WhatWasWrittenAsAKindReadsBackAsThatKind) {
  for_each_kind([](KindName name) {
    Model model = after(kFourPages, {{0, trace::FrameFromUnused{at(0), {name}, {40}, f0}},
                                     {1, trace::UniqueFromUnused{at(1), {name}, {40}, u0}}});
    const trace::Answer typed = ask(model, {0, trace::FrameReadMeta{f0}});
    const trace::Answer alone = ask(model, {1, trace::UniqueReadMeta{u0}});
    ask(model, {0, trace::FrameToDyn{f0}});
    const trace::Answer dynamic = ask(model, {0, trace::FrameReadMeta{f0}});
    EXPECT_EQ(typed.reply.results[0], number(name));
    const trace::Words words = words_read(typed);
    for (std::size_t i = 0; i < words.size(); ++i) {
      EXPECT_EQ(words[i], i < trace::words_of(name) ? 40 + i : 0);
    }
    EXPECT_TRUE(typed == alone);
    EXPECT_TRUE(typed == dynamic);
  });
}

TEST(Repr, WhatWasWrittenAsAKindIsRefusedAsAnother) {
  for_each_kind([](KindName name) {
    for_each_kind([&](KindName other) {
      Model model = after(kFourPages, {{0, trace::FrameFromUnused{at(0), {name}, {40}, f0}},
                                       {0, trace::FrameToDyn{f0}}});
      const trace::Answer answer = ask(model, {0, trace::FrameTryFrom{f0, {other}}});
      EXPECT_EQ(answer.reply.status, name == other ? Status::ok : Status::wrong_kind);
      EXPECT_EQ(model.held(0, f0)->is_typed(), name == other);
      EXPECT_EQ(model.state().slots[0].rc, 1u);
    });
  });
}

TEST(Repr, WhatReplacesAKindIsReadAndNothingOfTheOldIs) {
  for_each_kind([](KindName name) {
    Model model =
        after(kFourPages, {{0, trace::UniqueFromUnused{at(0), {KindName::full40}, {1}, u0}},
                           {0, trace::UniqueRepurpose{u0, {name}, {90}}}});
    const trace::Answer answer = ask(model, {0, trace::UniqueReadMeta{u0}});
    EXPECT_EQ(answer.reply.results[0], number(name));
    const trace::Words words = words_read(answer);
    for (std::size_t i = 0; i < words.size(); ++i) {
      EXPECT_EQ(words[i], i < trace::words_of(name) ? 90 + i : 0);
    }
  });
}

}  // namespace
}  // namespace laws
