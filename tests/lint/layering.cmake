# Reads every #include of imaging, models, mil and app and holds it against DESIGN.md, section 1. Needed even with
# perfect targets: torch, OpenSlide and JSON lie in the system include path and compile without a link line.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/sources.cmake")

# room | our folders it may include | third parties it may not (regular expression on the include)
set(torch "^(torch|ATen|c10|caffe2)/")
set(qt "^(Q[A-Z]|Qt)")
set(pixels "^(openslide|opencv2|itk|gdcm|tiff|turbojpeg|jpeglib|cairo)")
set(table
  "imaging/base|imaging/base|${torch}§${qt}§${pixels}§^(CLI|spdlog|hdf5)"
  "imaging|imaging|${torch}§${qt}§^(CLI|spdlog|hdf5)"
  "models/runtime|imaging/base models/runtime|${qt}§${pixels}§^(CLI|spdlog)"
  "models|imaging/base models|${qt}§${pixels}§^(CLI|spdlog)"
  "mil|imaging/base models/runtime mil|${qt}§${pixels}§^(CLI|spdlog)"
  "app/workflows|imaging models mil app/workflows|${qt}§${pixels}§^CLI§^execution$"
  "app/store|imaging app/workflows app/store|${torch}§${pixels}§^CLI§^QtWidgets§^execution$"
  "app/report|imaging app/workflows app/report|${torch}§${pixels}§^CLI§^QtWidgets§^execution$"
  "app/viewmodels|imaging app/workflows app/store app/report app/viewmodels|${torch}§${pixels}§^CLI§^(QtWidgets|QWidget|QApplication|QMainWindow|QDialog)§^execution$"
  "app/gui|imaging app/workflows app/store app/report app/viewmodels app/gui|${torch}§${pixels}§^CLI§^execution$"
  "app/cli|imaging app/workflows app/store app/report app/cli|${torch}§${pixels}§^(QtWidgets|QWidget|QApplication)§^execution$")

tessera_sources(sources imaging models mil app)
set(problems)
set(checked 0)
foreach(source IN LISTS sources)
  # The longest room that is a prefix of the file's path.
  set(best "")
  foreach(row IN LISTS table)
    string(REGEX MATCH "^[^|]+" room "${row}")
    string(FIND "${source}" "${room}/" at)
    string(LENGTH "${room}" length)
    string(LENGTH "${best}" best_length)
    if(at EQUAL 0 AND length GREATER best_length)
      set(best "${room}")
      string(REPLACE "|" ";" columns "${row}")
    endif()
  endforeach()
  if(best STREQUAL "")
    list(APPEND problems "${source}: lies in no room of the table")
    continue()
  endif()
  # columns: room, allowed, forbidden (the last may itself hold no ';')
  list(POP_FRONT columns room allowed)
  string(REPLACE ";" "|" forbidden "${columns}")
  string(REPLACE " " ";" allowed "${allowed}")
  string(REPLACE "§" ";" forbidden "${forbidden}")

  file(STRINGS "${ROOT}/${source}" lines REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "[<\"]([^>\"]+)[>\"]" ignored "${line}")
    set(target "${CMAKE_MATCH_1}")
    math(EXPR checked "${checked} + 1")
    if(target MATCHES "^(imaging|models|mil|app|tests)/")
      set(is_allowed FALSE)
      foreach(folder IN LISTS allowed)
        string(FIND "${target}" "${folder}/" at)
        if(at EQUAL 0)
          set(is_allowed TRUE)
        endif()
      endforeach()
      if(NOT is_allowed)
        list(APPEND problems "${source}: ${room} may not include ${target}")
      endif()
      if(target MATCHES "/detail/")
        string(REGEX REPLACE "/detail/.*" "" owner "${target}")
        string(FIND "${source}" "${owner}/" at)
        if(NOT at EQUAL 0)
          list(APPEND problems "${source}: ${target} is private to ${owner}")
        endif()
      endif()
    else()
      foreach(pattern IN LISTS forbidden)
        if(target MATCHES "${pattern}")
          list(APPEND problems "${source}: ${room} may not include <${target}>")
        endif()
      endforeach()
      if(source MATCHES "\\.h$" AND target MATCHES "${torch}")
        if(target STREQUAL "torch/torch.h")
          list(APPEND problems "${source}: torch/torch.h belongs in no header")
        elseif(NOT source MATCHES "(tensor_bridge|_module)\\.h$")
          list(APPEND problems "${source}: only tensor_bridge.h and *_module.h may include <${target}>")
        endif()
      endif()
    endif()
  endforeach()
endforeach()

if(problems)
  list(JOIN problems "\n  " text)
  message(FATAL_ERROR "layering:\n  ${text}")
endif()
list(LENGTH sources count)
message(STATUS "layering: ${checked} includes of ${count} files hold")
