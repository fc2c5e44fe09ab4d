# SPDX-License-Identifier: MPL-2.0
# Fails if OBJECT asks for any symbol but those a compiler calls for by itself: runtime.cpp has
# them.
set(allowed memcpy memmove memset memcmp)

execute_process(COMMAND ${NM} -u ${OBJECT} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "U [^\n]+" missing "${text}")
list(TRANSFORM missing REPLACE "^U " "")
list(REMOVE_ITEM missing ${allowed} _GLOBAL_OFFSET_TABLE_)
if(missing)
  message(FATAL_ERROR "not freestanding: ${missing}")
endif()
