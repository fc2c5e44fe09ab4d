// SPDX-License-Identifier: MPL-2.0
// What the loader tells by PVH: hvm_start_info, version 1 (Xen, public/arch-x86/hvm/start_info.h).
// It lies in low memory, which becomes the test machine's: what is wanted of it is copied at once.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "baremetal/boot/memory_map.h"
#include "baremetal/x86_64/layout.h"

namespace bare {

class StartInfo {
 public:
  static constexpr u32 kMagic = 0x336e'c578;

  // False: it was not PVH that started us.
  bool read(u64 at) {
    const auto& raw = *linear<Raw>(at);
    if (raw.magic != kMagic) return false;
    if (raw.command_line != 0) {
      const char* const from = linear<char>(raw.command_line);
      while (text_bytes_ < text_.size() && from[text_bytes_] != 0) {
        text_[text_bytes_] = from[text_bytes_];
        ++text_bytes_;
      }
    }
    if (raw.version >= 1) {
      const auto* const from = linear<RawMemory>(raw.memory_map);
      for (u32 i = 0; i < raw.memory_map_entries; ++i) {
        is_whole_ = memory_.add(from[i].at, from[i].bytes, from[i].type) && is_whole_;
      }
    }
    return true;
  }

  std::string_view command_line() const { return {text_.data(), text_bytes_}; }
  bool has(std::string_view word) const { return find(word) != std::string_view::npos; }
  // The number after "<name>="; `other` if there is none.
  u32 number(std::string_view name, u32 other) const {
    const usize found = find(name);
    if (found == std::string_view::npos) return other;
    std::string_view rest = command_line();
    rest.remove_prefix(found + name.size());
    if (rest.size() < 2 || rest[0] != '=' || !is_digit(rest[1])) return other;
    u32 number = 0;
    for (rest.remove_prefix(1); !rest.empty() && is_digit(rest[0]); rest.remove_prefix(1)) {
      number = number * 10 + static_cast<u32>(rest[0] - '0');
    }
    return number;
  }

  // Whole, unless it is longer than anybody expects.
  const MemoryMap& memory() const { return memory_; }
  bool is_whole() const { return is_whole_; }

 private:
  struct Raw {
    u32 magic;
    u32 version;
    u32 flags;
    u32 modules;
    u64 module_list;
    u64 command_line;
    u64 rsdp;
    u64 memory_map;
    u32 memory_map_entries;
    u32 reserved;
  };
  struct RawMemory {
    u64 at;
    u64 bytes;
    u32 type;
    u32 reserved;
  };

  static bool is_digit(char one) { return one >= '0' && one <= '9'; }
  usize find(std::string_view word) const { return command_line().find(word); }

  std::array<char, 256> text_{};
  usize text_bytes_ = 0;
  MemoryMap memory_{};
  bool is_whole_ = true;
};

}  // namespace bare
