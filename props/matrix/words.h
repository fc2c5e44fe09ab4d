// SPDX-License-Identifier: MPL-2.0
// Cases and replies, for people who know page tables.
#pragma once

#include <string>

#include "props/matrix/matrix.h"

namespace props::matrix {

const char* size_name(int level);  // "4 KiB"

// The access, the flags, and the entries: a line, and one for each level.
std::string in_words(const Question& question);
// One line.
std::string in_words(const Question& question, const Reply& reply);

// Several lines: the case, its entries, what was expected, what was seen.
std::string in_words(const Mismatch& mismatch);

}  // namespace props::matrix
