# SPDX-License-Identifier: MPL-2.0
# Fails if OBJECTS together ask for any symbol but those a compiler calls for by itself: runtime.cpp
# has them.
set(allowed memcpy memmove memset memcmp)

execute_process(COMMAND ${NM} ${OBJECTS} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "U [^\n]+" missing "${text}")
string(REGEX MATCHALL "[TWVRDB] [^\n]+" present "${text}")
list(TRANSFORM missing REPLACE "^U " "")
list(TRANSFORM present REPLACE "^[TWVRDB] " "")
list(REMOVE_ITEM missing ${allowed} ${present} _GLOBAL_OFFSET_TABLE_)
if(missing)
  message(FATAL_ERROR "not freestanding: ${missing}")
endif()
