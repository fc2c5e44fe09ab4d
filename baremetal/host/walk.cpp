// SPDX-License-Identifier: MPL-2.0
#include "baremetal/host/walk.h"

#include <algorithm>
#include <cstring>

namespace bare {
namespace {

constexpr std::uint64_t kPresentBit = 1, kWritableBit = 2, kUserBit = 4, kPageSizeBit = 1 << 7;
constexpr std::uint64_t kNoExecuteBit = std::uint64_t{1} << 63;
constexpr std::uint64_t kAddress = 0x000f'ffff'ffff'f000;

constexpr std::size_t kMost = std::size_t{1} << 20;

constexpr std::uint64_t size_at(std::uint64_t level) {
  return std::uint64_t{4096} << (9 * (level - 1));
}

class Walker {
 public:
  Walker(std::span<const std::byte> ram, std::uint64_t begin, std::uint64_t last)
      : ram_(ram), begin_(begin), last_(last) {}

  // The table's entries from `first` to before `end`; entry 0 is of what begins at `base`. `so_far`
  // is what the entries on the way allow.
  void walk(std::uint64_t table, std::uint64_t level, std::uint64_t base, std::uint64_t first,
            std::uint64_t end, const Translation& so_far) {
    for (std::uint64_t i = first; i < end; ++i) {
      const std::uint64_t at = base + i * size_at(level);
      if (at > last_) return;
      if (at + (size_at(level) - 1) < begin_) continue;
      const std::uint64_t entry = load(table + i * 8);
      if ((entry & kPresentBit) == 0) continue;
      Translation here = so_far;
      here.writable = here.writable && (entry & kWritableBit) != 0;
      here.user = here.user && (entry & kUserBit) != 0;
      here.executable = here.executable && (entry & kNoExecuteBit) == 0;
      // At the lowest level that bit is of the cache; at the upper two it is reserved.
      const bool is_page = level == 1 || (level <= 3 && (entry & kPageSizeBit) != 0);
      if (is_page) {
        here.at = at;
        here.bytes = size_at(level);
        here.to = entry & kAddress & ~(size_at(level) - 1);
        found_.push_back(here);
        if (found_.size() == kMost) last_ = at;  // No tree of tables that are tables is so large.
      } else if ((entry & kPageSizeBit) == 0) {
        walk(entry & kAddress, level - 1, at, 0, 512, here);
      }
    }
  }

  std::vector<Translation> take() { return std::move(found_); }

 private:
  std::uint64_t load(std::uint64_t at) const {
    std::uint64_t entry = 0;
    if (at <= ram_.size() - sizeof entry) std::memcpy(&entry, ram_.data() + at, sizeof entry);
    return entry;
  }

  std::span<const std::byte> ram_;
  std::uint64_t begin_, last_;
  std::vector<Translation> found_{};
};

}  // namespace

std::vector<Translation> translations(std::span<const std::byte> ram, const Tree& tree,
                                      std::uint64_t begin, std::uint64_t last) {
  begin = std::max(begin, tree.begin);
  last = std::min(last, tree.last);
  if ((tree.levels != 4 && tree.levels != 5) || begin > last) return {};
  Walker walker(ram, begin, last);
  // The upper half of the root is of the upper half of all addresses.
  const std::uint64_t upper = std::uint64_t{0} - 512 * size_at(tree.levels);
  walker.walk(tree.root, tree.levels, 0, 0, 256, {});
  walker.walk(tree.root, tree.levels, upper, 256, 512, {});
  return walker.take();
}

}  // namespace bare
