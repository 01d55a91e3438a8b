# clang-format 14, pinned: other versions format differently.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/sources.cmake")
tessera_sources(files imaging models mil app tests)
execute_process(COMMAND "${CLANG_FORMAT}" --dry-run --Werror ${files}
  WORKING_DIRECTORY "${ROOT}" RESULT_VARIABLE result ERROR_VARIABLE errors)
if(NOT result EQUAL 0)
  string(SUBSTRING "${errors}" 0 3000 errors)
  message(FATAL_ERROR "format: run  clang-format-14 -i  on\n${errors}")
endif()
