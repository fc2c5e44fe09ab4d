// SPDX-License-Identifier: MPL-2.0
// What the sanitizers want to be told, and under which of them we are.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#define PAGETWIN_ASAN __has_feature(address_sanitizer)
#define PAGETWIN_TSAN __has_feature(thread_sanitizer)
#define PAGETWIN_MSAN __has_feature(memory_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define PAGETWIN_ASAN 1
#define PAGETWIN_TSAN 0
#define PAGETWIN_MSAN 0
#elif defined(__SANITIZE_THREAD__)
#define PAGETWIN_ASAN 0
#define PAGETWIN_TSAN 1
#define PAGETWIN_MSAN 0
#else
#define PAGETWIN_ASAN 0
#define PAGETWIN_TSAN 0
#define PAGETWIN_MSAN 0
#endif

// For functions that lanes run but that belong to no lane: the scheduler's. ThreadSanitizer must
// not even see them enter: some never leave, and it counts. Without a sanitizer nobody looks.
#if !PAGETWIN_ASAN && !PAGETWIN_TSAN
#define PAGETWIN_UNSEEN
#elif defined(__clang__)
#define PAGETWIN_UNSEEN __attribute__((disable_sanitizer_instrumentation, noinline))
#else
#define PAGETWIN_UNSEEN __attribute__((no_sanitize("thread"), noinline))
#endif

// For the simulated processor's accesses to physical memory. Hardware asks no sanitizer: whether it
// reached what nobody owns is said by the result of the access, not by the end of the process.
#if defined(__clang__)
#define PAGETWIN_RAW __attribute__((no_sanitize("address", "memory")))
#else
#define PAGETWIN_RAW __attribute__((no_sanitize("address")))
#endif

extern "C" {
void __asan_poison_memory_region(const volatile void*, std::size_t);
void __asan_unpoison_memory_region(const volatile void*, std::size_t);
int __asan_address_is_poisoned(const volatile void*);
void __msan_poison(const volatile void*, std::size_t);
void __msan_unpoison(const volatile void*, std::size_t);
std::ptrdiff_t __msan_test_shadow(const volatile void*, std::size_t);
void __sanitizer_start_switch_fiber(void**, const void*, std::size_t);
void __sanitizer_finish_switch_fiber(void*, const void**, std::size_t*);
void __tsan_write_range(void*, std::size_t);
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned);
void __tsan_switch_to_fiber(void*, unsigned);
}
