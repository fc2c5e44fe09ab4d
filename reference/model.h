// SPDX-License-Identifier: MPL-2.0
// The judge: says what must come back, and what changes.
//
// Each operation has two functions, side by side in the file of its family: `allows` says whether
// the lane can ask it at all, by what that lane holds; `step` gives the answer that the contract
// insists on. Where the contract leaves a choice, `step` reads it out of `seen`, insists that it
// was a permitted one, and adopts it.
//
// An operation is a sequence of atomic phases. `step` does the first and decides the answer;
// `finish`, called while the lane is `unfinished`, does one more. Alone, a lane finishes at once;
// among others, the search for an order decides when. What an operation on page tables answers may
// depend on what others do between its phases: then `step` believes what was seen, and the last
// `finish` says what it had to be.
#pragma once

#include <span>
#include <utility>

#include "reference/state.h"
#include "reference/trees.h"
#include "trace/fact.h"
#include "trace/op.h"

namespace reference {

using trace::Answer;

// frame.cpp
bool allows(const State&, Lane, const trace::FrameFromUnused&);
bool allows(const State&, Lane, const trace::FrameFromInUse&);
bool allows(const State&, Lane, const trace::FrameClone&);
bool allows(const State&, Lane, const trace::FrameDrop&);
bool allows(const State&, Lane, const trace::FrameIntoRaw&);
bool allows(const State&, Lane, const trace::FrameFromRaw&);
bool allows(const State&, Lane, const trace::FrameIncRaw&);
bool allows(const State&, Lane, const trace::FrameBorrow&);
bool allows(const State&, Lane, const trace::FrameBorrowClone&);
bool allows(const State&, Lane, const trace::FrameEqual&);
bool allows(const State&, Lane, const trace::FrameCount&);
bool allows(const State&, Lane, const trace::FrameReadMeta&);
bool allows(const State&, Lane, const trace::FrameToDyn&);
bool allows(const State&, Lane, const trace::FrameTryFrom&);
bool allows(const State&, Lane, const trace::FrameToUntyped&);
bool allows(const State&, Lane, const trace::FrameUsage&);
bool allows(const State&, Lane, const trace::FrameCountPreload&);
// unique.cpp
bool allows(const State&, Lane, const trace::UniqueFromUnused&);
bool allows(const State&, Lane, const trace::UniqueReadMeta&);
bool allows(const State&, Lane, const trace::UniqueWriteMeta&);
bool allows(const State&, Lane, const trace::UniqueRepurpose&);
bool allows(const State&, Lane, const trace::UniqueReset&);
bool allows(const State&, Lane, const trace::UniqueIntoShared&);
bool allows(const State&, Lane, const trace::UniqueTryFromFrame&);
bool allows(const State&, Lane, const trace::UniqueToDyn&);
bool allows(const State&, Lane, const trace::UniqueDrop&);
// segment.cpp
bool allows(const State&, Lane, const trace::SegmentFromUnused&);
bool allows(const State&, Lane, const trace::SegmentSplit&);
bool allows(const State&, Lane, const trace::SegmentSlice&);
bool allows(const State&, Lane, const trace::SegmentNext&);
bool allows(const State&, Lane, const trace::SegmentClone&);
bool allows(const State&, Lane, const trace::SegmentDrop&);
bool allows(const State&, Lane, const trace::SegmentIntoRaw&);
bool allows(const State&, Lane, const trace::SegmentFromRaw&);
bool allows(const State&, Lane, const trace::SegmentToDyn&);
bool allows(const State&, Lane, const trace::SegmentTryFrom&);
bool allows(const State&, Lane, const trace::SegmentToUntyped&);
bool allows(const State&, Lane, const trace::SegmentFromFrame&);
bool allows(const State&, Lane, const trace::SegmentRange&);
// list.cpp
bool allows(const State&, Lane, const trace::ListPushFront&);
bool allows(const State&, Lane, const trace::ListPushBack&);
bool allows(const State&, Lane, const trace::ListPopFront&);
bool allows(const State&, Lane, const trace::ListPopBack&);
bool allows(const State&, Lane, const trace::ListContains&);
bool allows(const State&, Lane, const trace::ListSize&);
bool allows(const State&, Lane, const trace::ListCursorFront&);
bool allows(const State&, Lane, const trace::ListCursorBack&);
bool allows(const State&, Lane, const trace::ListCursorAt&);
bool allows(const State&, Lane, const trace::ListMoveNext&);
bool allows(const State&, Lane, const trace::ListMovePrev&);
bool allows(const State&, Lane, const trace::ListCurrent&);
bool allows(const State&, Lane, const trace::ListWriteCurrent&);
bool allows(const State&, Lane, const trace::ListInsertBefore&);
bool allows(const State&, Lane, const trace::ListTakeCurrent&);
bool allows(const State&, Lane, const trace::ListCursorClose&);
bool allows(const State&, Lane, const trace::ListDrop&);
// alloc.cpp
bool allows(const State&, Lane, const trace::AllocFrame&);
bool allows(const State&, Lane, const trace::AllocSegment&);
bool allows(const State&, Lane, const trace::AllocBlock&);
bool allows(const State&, Lane, const trace::AllocGiveBlock&);
bool allows(const State&, Lane, const trace::AllocAddBlock&);
bool allows(const State&, Lane, const trace::AllocSplitBlock&);
bool allows(const State&, Lane, const trace::AllocFreeBytes&);
bool allows(const State&, Lane, const trace::AllocFail&);
// bytes.cpp
bool allows(const State&, Lane, const trace::BytesWrite&);
bool allows(const State&, Lane, const trace::BytesRead&);
bool allows(const State&, Lane, const trace::BytesCopy&);
bool allows(const State&, Lane, const trace::BytesReadVal&);
bool allows(const State&, Lane, const trace::BytesWriteVal&);
bool allows(const State&, Lane, const trace::BytesReadOnce&);
bool allows(const State&, Lane, const trace::BytesWriteOnce&);
bool allows(const State&, Lane, const trace::BytesFill&);
bool allows(const State&, Lane, const trace::BytesFillZeros&);
bool allows(const State&, Lane, const trace::BytesSegmentWrite&);
bool allows(const State&, Lane, const trace::BytesSegmentRead&);
// boot.cpp
bool allows(const State&, Lane, const trace::BootAddRegion&);
bool allows(const State&, Lane, const trace::BootNormalise&);
bool allows(const State&, Lane, const trace::BootRegionAt&);
bool allows(const State&, Lane, const trace::BootEarlyInit&);
bool allows(const State&, Lane, const trace::BootEarlyAlloc&);
bool allows(const State&, Lane, const trace::BootInitMeta&);
bool allows(const State&, Lane, const trace::BootMappedAt&);
bool allows(const State&, Lane, const trace::BootIsInitialized&);
bool allows(const State&, Lane, const trace::BootPage&);
bool allows(const State&, Lane, const trace::BootInitAllocator&);
// table.cpp, grace.cpp
bool allows(const State&, Lane, const trace::TableNew&);
bool allows(const State&, Lane, const trace::TableCopy&);
bool allows(const State&, Lane, const trace::TableDrop&);
bool allows(const State&, Lane, const trace::TableWalk&);
bool allows(const State&, Lane, const trace::TableActivate&);
bool allows(const State&, Lane, const trace::Quiesce&);
// cursor.cpp
bool allows(const State&, Lane, const trace::CursorOpen&);
bool allows(const State&, Lane, const trace::CursorClose&);
bool allows(const State&, Lane, const trace::CursorQuery&);
bool allows(const State&, Lane, const trace::CursorFindNext&);
bool allows(const State&, Lane, const trace::CursorJump&);
// cursor_changes.cpp
bool allows(const State&, Lane, const trace::CursorMapFrame&);
bool allows(const State&, Lane, const trace::CursorMapRaw&);
bool allows(const State&, Lane, const trace::CursorMapRun&);
bool allows(const State&, Lane, const trace::CursorMapSegment&);
bool allows(const State&, Lane, const trace::CursorTakeNext&);
bool allows(const State&, Lane, const trace::CursorUnmap&);
bool allows(const State&, Lane, const trace::CursorProtectNext&);
bool allows(const State&, Lane, const trace::CursorProtect&);
// cpu.cpp
bool allows(const State&, Lane, const trace::CpuTouch&);
bool allows(const State&, Lane, const trace::CpuControl&);
bool allows(const State&, Lane, const trace::CpuFlushPage&);
bool allows(const State&, Lane, const trace::CpuFlushAll&);
// tlb.cpp
bool allows(const State&, Lane, const trace::TlbIssue&);
bool allows(const State&, Lane, const trace::TlbDispatch&);
bool allows(const State&, Lane, const trace::TlbSync&);
bool allows(const State&, Lane, const trace::CpuInterrupt&);
// user.cpp, fork.cpp
bool allows(const State&, Lane, const trace::UserRead&);
bool allows(const State&, Lane, const trace::UserWrite&);
bool allows(const State&, Lane, const trace::UserLoad&);
bool allows(const State&, Lane, const trace::UserExchange&);
bool allows(const State&, Lane, const trace::SpaceFork&);
// boot_table.cpp
bool allows(const State&, Lane, const trace::BootMapPage&);
bool allows(const State&, Lane, const trace::BootProtectPage&);
bool allows(const State&, Lane, const trace::BootWalk&);
bool allows(const State&, Lane, const trace::BootDismiss&);
// area.cpp
bool allows(const State&, Lane, const trace::AreaMapFrames&);
bool allows(const State&, Lane, const trace::AreaMapRange&);
bool allows(const State&, Lane, const trace::AreaQuery&);
bool allows(const State&, Lane, const trace::AreaSplit&);
bool allows(const State&, Lane, const trace::AreaDrop&);

Answer step(State&, Lane, const trace::FrameFromUnused&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameFromInUse&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameClone&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameDrop&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameIntoRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameFromRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameIncRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameBorrow&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameBorrowClone&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameEqual&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameCount&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameReadMeta&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameToDyn&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameTryFrom&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameToUntyped&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameUsage&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameCountPreload&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueFromUnused&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueReadMeta&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueWriteMeta&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueRepurpose&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueReset&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueIntoShared&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueTryFromFrame&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueToDyn&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueDrop&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentFromUnused&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentSplit&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentSlice&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentNext&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentClone&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentDrop&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentIntoRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentFromRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentToDyn&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentTryFrom&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentToUntyped&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentFromFrame&, const Answer& seen);
Answer step(State&, Lane, const trace::SegmentRange&, const Answer& seen);
Answer step(State&, Lane, const trace::ListPushFront&, const Answer& seen);
Answer step(State&, Lane, const trace::ListPushBack&, const Answer& seen);
Answer step(State&, Lane, const trace::ListPopFront&, const Answer& seen);
Answer step(State&, Lane, const trace::ListPopBack&, const Answer& seen);
Answer step(State&, Lane, const trace::ListContains&, const Answer& seen);
Answer step(State&, Lane, const trace::ListSize&, const Answer& seen);
Answer step(State&, Lane, const trace::ListCursorFront&, const Answer& seen);
Answer step(State&, Lane, const trace::ListCursorBack&, const Answer& seen);
Answer step(State&, Lane, const trace::ListCursorAt&, const Answer& seen);
Answer step(State&, Lane, const trace::ListMoveNext&, const Answer& seen);
Answer step(State&, Lane, const trace::ListMovePrev&, const Answer& seen);
Answer step(State&, Lane, const trace::ListCurrent&, const Answer& seen);
Answer step(State&, Lane, const trace::ListWriteCurrent&, const Answer& seen);
Answer step(State&, Lane, const trace::ListInsertBefore&, const Answer& seen);
Answer step(State&, Lane, const trace::ListTakeCurrent&, const Answer& seen);
Answer step(State&, Lane, const trace::ListCursorClose&, const Answer& seen);
Answer step(State&, Lane, const trace::ListDrop&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocFrame&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocSegment&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocBlock&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocGiveBlock&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocAddBlock&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocSplitBlock&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocFreeBytes&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocFail&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesWrite&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesRead&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesCopy&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesReadVal&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesWriteVal&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesReadOnce&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesWriteOnce&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesFill&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesFillZeros&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesSegmentWrite&, const Answer& seen);
Answer step(State&, Lane, const trace::BytesSegmentRead&, const Answer& seen);
Answer step(State&, Lane, const trace::BootAddRegion&, const Answer& seen);
Answer step(State&, Lane, const trace::BootNormalise&, const Answer& seen);
Answer step(State&, Lane, const trace::BootRegionAt&, const Answer& seen);
Answer step(State&, Lane, const trace::BootEarlyInit&, const Answer& seen);
Answer step(State&, Lane, const trace::BootEarlyAlloc&, const Answer& seen);
Answer step(State&, Lane, const trace::BootInitMeta&, const Answer& seen);
Answer step(State&, Lane, const trace::BootMappedAt&, const Answer& seen);
Answer step(State&, Lane, const trace::BootIsInitialized&, const Answer& seen);
Answer step(State&, Lane, const trace::BootPage&, const Answer& seen);
Answer step(State&, Lane, const trace::BootInitAllocator&, const Answer& seen);
Answer step(State&, Lane, const trace::TableNew&, const Answer& seen);
Answer step(State&, Lane, const trace::TableCopy&, const Answer& seen);
Answer step(State&, Lane, const trace::TableDrop&, const Answer& seen);
Answer step(State&, Lane, const trace::TableWalk&, const Answer& seen);
Answer step(State&, Lane, const trace::TableActivate&, const Answer& seen);
Answer step(State&, Lane, const trace::Quiesce&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorOpen&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorClose&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorQuery&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorFindNext&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorJump&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorMapFrame&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorMapRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorMapRun&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorMapSegment&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorTakeNext&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorUnmap&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorProtectNext&, const Answer& seen);
Answer step(State&, Lane, const trace::CursorProtect&, const Answer& seen);
Answer step(State&, Lane, const trace::CpuTouch&, const Answer& seen);
Answer step(State&, Lane, const trace::CpuControl&, const Answer& seen);
Answer step(State&, Lane, const trace::CpuFlushPage&, const Answer& seen);
Answer step(State&, Lane, const trace::CpuFlushAll&, const Answer& seen);
Answer step(State&, Lane, const trace::TlbIssue&, const Answer& seen);
Answer step(State&, Lane, const trace::TlbDispatch&, const Answer& seen);
Answer step(State&, Lane, const trace::TlbSync&, const Answer& seen);
Answer step(State&, Lane, const trace::CpuInterrupt&, const Answer& seen);
Answer step(State&, Lane, const trace::UserRead&, const Answer& seen);
Answer step(State&, Lane, const trace::UserWrite&, const Answer& seen);
Answer step(State&, Lane, const trace::UserLoad&, const Answer& seen);
Answer step(State&, Lane, const trace::UserExchange&, const Answer& seen);
Answer step(State&, Lane, const trace::SpaceFork&, const Answer& seen);
Answer step(State&, Lane, const trace::BootMapPage&, const Answer& seen);
Answer step(State&, Lane, const trace::BootProtectPage&, const Answer& seen);
Answer step(State&, Lane, const trace::BootWalk&, const Answer& seen);
Answer step(State&, Lane, const trace::BootDismiss&, const Answer& seen);
Answer step(State&, Lane, const trace::AreaMapFrames&, const Answer& seen);
Answer step(State&, Lane, const trace::AreaMapRange&, const Answer& seen);
Answer step(State&, Lane, const trace::AreaQuery&, const Answer& seen);
Answer step(State&, Lane, const trace::AreaSplit&, const Answer& seen);
Answer step(State&, Lane, const trace::AreaDrop&, const Answer& seen);

// Parts of several steps.
trace::Status why_no_page(const State&, std::uint64_t address);  // ok if there is one.
Answer claim(State&, Lane, std::uint64_t address, const Metadata&, const Unfinished& publish);
void tear_down(State&, Lane, Page);
void retire(Slot&);  // It is as it was before it was ever used.
Answer abort(State&);
Answer panic(trace::Code);  // Nothing has changed.
// The making of a shared page and the end of a page's use, each in one phase: for operations on
// several pages, which are asked of one lane at a time.
trace::Status claim_at_once(State&, Page, const Metadata&);
void end_at_once(State&, Page, Answer&, std::size_t first);
// Five results from `first` on: that no metadata has ended yet, or that of one more page.
void note_no_end(Answer&, std::size_t first);
void note_end(Answer&, std::size_t first, const State&, Page);
Answer kind_and_words(const Slot&);
bool keeps_last_handle(trace::Usage);  // Whether a page's last dynamic handle may not go.

// Where a page is whose slot says that it is in a list: the list, as facts name it, and its
// neighbours there.
struct Listed {
  std::uint64_t list = 0;
  std::optional<Page> next{};
  std::optional<Page> prev{};
};
Listed listed_at(const State&, Page);  // list.cpp

// contents.cpp: what is in a page; and a sum of two such, which may not be known.
std::uint64_t sum_of(const State&, Page);
std::uint64_t sum_with(std::uint64_t left, std::uint64_t right);

// alloc.cpp: one page of the allocator's, the next of those that it was seen to hand out in this
// operation. None if it refused; if it might not do so, `answer` says that this is impermissible.
std::optional<Page> take_page(State&, Lane, const Answer& seen, Answer& answer);

// table.cpp: makes the tables that the machine has from the beginning, of pages in the order in
// which they are needed: the kernel's root, its tables upwards, the user's root, the plain one.
// False if they are not just so many pages of the allocator's.
bool make_tables(State&, const trace::Choices&);

class Model {
 public:
  explicit Model(const trace::Machine& machine);
  explicit Model(State state) : state_(std::move(state)) {}  // From the middle of something.

  bool allows(Lane lane, const auto& op) const {
    return !state_.aborted && reference::allows(state_, lane, op);
  }
  bool allows(Lane lane, const trace::Op& op) const;

  Answer step(Lane lane, const auto& op, const Answer& seen) {
    if (!allows(lane, op)) return {{.status = trace::Status::passed_over}, {}};
    return with_what_is_known(reference::step(state_, lane, op, seen), seen);
  }
  Answer step(Lane lane, const trace::Op& op, const Answer& seen);

  bool unfinished(Lane lane) const {
    return state_.held[lane].unfinished.has_value() || state_.held[lane].doing.has_value();
  }
  // The answer, if this was the last phase, and `step` has believed what was seen.
  std::optional<Answer> finish(Lane lane);

  // All that bears on what comes, and that no fact shows.
  std::vector<std::uint64_t> hidden() const;

  // The pages that may have changed since this was last asked.
  PageSet touched() { return std::exchange(state_.touched, {}); }

  // The ranges of tables where something may have changed since this was last asked. Of a table
  // with several names, by one.
  std::vector<trace::TableRange> touched_ranges();

  void observe(Page page, auto&& see) const;

  // What the table of that number maps there, upwards; nothing if there is none.
  void mapped(const trace::TableRange& range, auto&& see) const;

  // Which pages the allocator chose for the machine's tables. If it could not, the id of the law
  // that this breaks. To be told before anything is asked, or not at all.
  const char* begin(const trace::Choices& choices);

  // What lies in a register; null if it is empty, which a list's never is. With it a generator
  // picks registers, and needs no system.
  const auto* held(Lane lane, auto place) const {
    const auto& thing = state_.held[lane].at(place);
    return thing ? &*thing : nullptr;
  }
  const List* held(Lane lane, trace::List place) const { return &state_.held[lane].at(place); }
  // Likewise: a table, the lane's cursor, what the CPU translates by.
  const TableHandle* table(Lane lane, trace::Table which) const {
    return table_at(state_, lane, which);
  }
  const Cursor* cursor(Lane lane) const {
    return state_.held[lane].cursor ? &*state_.held[lane].cursor : nullptr;
  }
  const TableHandle* root(Lane lane) const {
    return state_.cpus[lane].root ? &*state_.cpus[lane].root : nullptr;
  }

  // How the allocator says that it keeps its free pages: taken over if that may be so. If not, the
  // id of the law that it breaks. To be told after everything that the allocator was asked.
  const char* adopt(std::span<const trace::FreeBlock> blocks);

  // From now on lanes go at once.
  void go_at_once() { state_.at_once = true; }

  // What some right system could be `seen` to choose, if the operation were asked now: the lowest
  // of the allocator's pages, or a refusal if it has none. Only the choices are meant.
  Answer imagine(Lane lane, const trace::Op& op) const;

  // The id of a law that this step broke, or that the state after it breaks; null if it keeps them
  // all. `this` is the state after the operation's last phase. See reference/laws.h.
  const char* broken_law(const Model& before, Lane lane, const trace::Op& op,
                         const Answer& answer) const;
  static const char* sentence_of(const char* law);  // Null if there is no such id.

  const State& state() const { return state_; }

 private:
  // What depends on bytes that are not known is believed.
  static Answer with_what_is_known(Answer answer, const Answer& seen) {
    for (std::size_t i = 0; i < answer.reply.results.size(); ++i) {
      std::uint64_t& result = answer.reply.results[i];
      if (result == kNotKnown) result = seen.reply.results[i];
    }
    return answer;
  }

  State state_;
};

void Model::observe(Page page, auto&& see) const {
  const Slot& slot = state_.slots[page];
  const Listed listed = slot.in_list == 0 ? Listed{} : listed_at(state_, page);
  trace::PageInUse fact{.page = page, .in_list = listed.list};
  switch (status_of(slot.rc)) {
    case SlotStatus::unused: break;
    case SlotStatus::under_construction:
      fact.use = trace::Use::busy;
      see(trace::Fact(fact));
      break;
    case SlotStatus::unique:
    case SlotStatus::shared:
    case SlotStatus::overflow:
      const bool is_unique = slot.rc == kUnique;
      fact.use = is_unique ? trace::Use::unique : trace::Use::shared;
      fact.count = is_unique ? 0 : slot.rc;
      fact.kind = slot.vtable.value_or(trace::Kind{});
      fact.usage = slot.usage;
      if (slot.storage) fact.words = slot.storage->words;
      see(trace::Fact(fact));
      break;
  }
  if (listed.next || listed.prev) {
    see(trace::Fact(trace::PageLinked{page, listed.next.value_or(trace::PageLinked::kNone),
                                      listed.prev.value_or(trace::PageLinked::kNone)}));
  }
  if (state_.free.contains(page)) see(trace::Fact(trace::PageFree{page}));
  if (const auto node = state_.nodes.find(page); node != state_.nodes.end()) {
    const Node& it = node->second;
    see(trace::Fact(trace::TableNode{page, it.place.level, it.children, it.stray ? 1u : 0u,
                                     it.locked_by ? 1u : 0u}));
  }
  if (const auto tree = state_.trees.find(page); tree != state_.trees.end()) {
    std::uint64_t cpus = 0;
    for (const Lane cpu : tree->second.active_on) cpus |= std::uint64_t{1} << cpu;
    if (cpus != 0) see(trace::Fact(trace::ActiveOn{page, cpus}));
  }
}

void Model::mapped(const trace::TableRange& range, auto&& see) const {
  const TableHandle* const table = table_of_number(state_, range.table);
  if (table == nullptr) return;
  const Tree& tree = state_.trees.at(table->root);
  auto at = tree.mappings.upper_bound(range.begin / kPageBytes);
  if (at != tree.mappings.begin()) --at;
  for (; at != tree.mappings.end() && at->first <= range.last / kPageBytes; ++at) {
    const std::uint64_t pages = span_of(at->second.level);
    if (at->first + pages <= range.begin / kPageBytes) continue;
    see(trace::Fact(trace::Mapped{range.table,
                                  {at->first * kPageBytes},
                                  pages * kPageBytes,
                                  {at->second.to * kPageBytes},
                                  at->second.property,
                                  at->second.tracked ? 1u : 0u}));
  }
}

}  // namespace reference
