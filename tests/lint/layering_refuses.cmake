# Each of these includes must make the layering lint fail.
cmake_minimum_required(VERSION 3.25)
set(cases
  "imaging/slide/a.cpp|torch/torch.h" "imaging/base/a.h|imaging/slide/slide_reader.h" "mil/bags/a.cpp|models/encoders/encoder.h"
  "models/runtime/a.cpp|models/encoders/encoder.h" "models/encoders/a.h|torch/types.h" "models/encoders/a_module.h|torch/torch.h"
  "app/workflows/a.cpp|app/report/html_writer.h" "app/gui/a.cpp|ATen/ATen.h" "app/viewmodels/a.cpp|QWidget"
  "app/cli/a.cpp|models/encoders/encoder.h" "mil/losses/a.cpp|imaging/slide/slide_reader.h" "imaging/stain/a.cpp|mil/detail/x.h")
foreach(case IN LISTS cases)
  string(REPLACE "|" ";" case "${case}")
  list(GET case 0 file)
  list(GET case 1 target)
  set(tree "${WORK}/refused")
  file(REMOVE_RECURSE "${tree}")
  file(WRITE "${tree}/${file}" "#include <${target}>\n")
  execute_process(COMMAND "${CMAKE_COMMAND}" -D "ROOT=${tree}" -P "${CMAKE_CURRENT_LIST_DIR}/layering.cmake"
    RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
  if(result EQUAL 0)
    message(FATAL_ERROR "the layering lint let ${file} include ${target}")
  endif()
endforeach()
file(REMOVE_RECURSE "${WORK}/refused")
