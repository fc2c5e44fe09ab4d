// SPDX-License-Identifier: MPL-2.0
// What UndefinedBehaviorSanitizer calls: each says what and where, and the guest is over. All that
// is read of what is passed is the place in the source, with which nearly all of it begins.
#include "baremetal/x86_64/serial.h"
#include "baremetal/x86_64/trap.h"

namespace {

struct Place {
  const char* file;
  std::uint32_t line, column;
};

[[noreturn, gnu::cold]] void tell(const char* what, const Place* place) {
  bare::serial::line("undefined behaviour: ", std::string_view(what), " at ",
                     std::string_view(place->file), ":", std::uint64_t{place->line}, ":",
                     std::uint64_t{place->column});
  bare::crash(what);
}

}  // namespace

#define PAGETWIN_HANDLER(name, what)                                               \
  extern "C" void __ubsan_handle_##name(const Place* place);                       \
  extern "C" void __ubsan_handle_##name(const Place* place) { tell(what, place); } \
  extern "C" void __ubsan_handle_##name##_abort(const Place* place);               \
  extern "C" void __ubsan_handle_##name##_abort(const Place* place) { tell(what, place); }

PAGETWIN_HANDLER(add_overflow, "an addition overflows")
PAGETWIN_HANDLER(sub_overflow, "a subtraction overflows")
PAGETWIN_HANDLER(mul_overflow, "a multiplication overflows")
PAGETWIN_HANDLER(negate_overflow, "a negation overflows")
PAGETWIN_HANDLER(divrem_overflow, "a division overflows")
PAGETWIN_HANDLER(pointer_overflow, "a pointer overflows")
PAGETWIN_HANDLER(shift_out_of_bounds, "a shift is too far")
PAGETWIN_HANDLER(out_of_bounds, "an index is out of bounds")
PAGETWIN_HANDLER(type_mismatch_v1, "a pointer is null, misaligned or of another type")
PAGETWIN_HANDLER(alignment_assumption, "a pointer is not aligned as assumed")
PAGETWIN_HANDLER(vla_bound_not_positive, "an array has no positive length")
PAGETWIN_HANDLER(load_invalid_value, "a value is none of its type")
PAGETWIN_HANDLER(invalid_builtin, "a builtin is called with 0")
PAGETWIN_HANDLER(nonnull_arg, "an argument is null")
PAGETWIN_HANDLER(nullability_arg, "an argument is null")
PAGETWIN_HANDLER(builtin_unreachable, "what cannot be reached was")
PAGETWIN_HANDLER(missing_return, "a function ends without a value")

// Of a returned null the place is the second argument.
extern "C" void __ubsan_handle_nonnull_return_v1(const void*, const Place* place);
extern "C" void __ubsan_handle_nonnull_return_v1(const void*, const Place* place) {
  tell("null is returned", place);
}
extern "C" void __ubsan_handle_nonnull_return_v1_abort(const void*, const Place* place);
extern "C" void __ubsan_handle_nonnull_return_v1_abort(const void*, const Place* place) {
  tell("null is returned", place);
}
