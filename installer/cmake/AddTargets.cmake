# add_tessera_library(NAME SOURCES ... [PUBLIC a::b ...] [PRIVATE a::b ...] [TORCH])
#   Makes NAME and the alias tessera::NAME. Links only names with `::`, so that a misspelt one fails
#   at configure time. TORCH adds LibTorch privately and shares one precompiled header.
# add_tessera_executable(NAME SOURCES ... PRIVATE a::b ... [TORCH])
# add_tessera_test(NAME SOURCES ... PRIVATE a::b ... LABELS l ... [TORCH])
#   One GoogleTest executable per library; each test case becomes a CTest test.

# GCC 12 warns of -Wrestrict inside libstdc++'s string concatenation (GCC bug 105651).
set(TESSERA_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                     -Wcast-align -Wunused -Wdouble-promotion $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

function(tessera_setup_target name)
  cmake_parse_arguments(arg "TORCH" "" "PUBLIC;PRIVATE" ${ARGN})
  foreach(link IN LISTS arg_PUBLIC arg_PRIVATE)
    if(NOT link MATCHES "::")
      message(FATAL_ERROR "${name}: link '${link}' by its alias (with ::)")
    endif()
  endforeach()
  target_compile_options(${name} PRIVATE ${TESSERA_WARNINGS})
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
  target_compile_definitions(${name} PRIVATE QT_NO_KEYWORDS)
  get_target_property(type ${name} TYPE)
  if(type STREQUAL "EXECUTABLE")
    target_link_libraries(${name} PRIVATE ${arg_PUBLIC} ${arg_PRIVATE})
  else()
    target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  endif()
  if(arg_TORCH)
    # Torch's own headers promote float to double in inlined code.
    target_compile_options(${name} PRIVATE -Wno-double-promotion)
    target_link_libraries(${name} PRIVATE deps::torch)
    if(type STREQUAL "EXECUTABLE")
      # GCC takes a precompiled header only with the same code model as the libraries'.
      set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${name} PRIVATE -fPIC)
    endif()
    if(TESSERA_PCH)
      if(name STREQUAL "models_runtime")
        target_precompile_headers(${name} PRIVATE
          <torch/torch.h> <torch/script.h> <string> <vector> <map> <memory> <filesystem>)
      elseif(type STREQUAL "EXECUTABLE" OR type STREQUAL "STATIC_LIBRARY")
        target_precompile_headers(${name} REUSE_FROM models_runtime)
      endif()
    endif()
  endif()
endfunction()

function(add_tessera_library name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  add_library(tessera::${name} ALIAS ${name})
  set(torch)
  if(arg_TORCH)
    set(torch TORCH)
  endif()
  tessera_setup_target(${name} ${torch} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

function(add_tessera_executable name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;PRIVATE" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  set(torch)
  if(arg_TORCH)
    set(torch TORCH)
  endif()
  tessera_setup_target(${name} ${torch} PRIVATE ${arg_PRIVATE})
endfunction()

function(add_tessera_test name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;PRIVATE;LABELS" ${ARGN})
  set(torch)
  if(arg_TORCH)
    set(torch TORCH)
  endif()
  add_tessera_executable(${name} ${torch} SOURCES ${arg_SOURCES} PRIVATE ${arg_PRIVATE})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60)
  # gtest_discover_tests flattens lists given as PROPERTIES; ctest reads this after it has found the tests.
  set(properties "${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake")
  file(WRITE "${properties}"
    "if(${name}_TESTS)\n"
    "  set_tests_properties(\${${name}_TESTS} PROPERTIES TIMEOUT 300 LABELS \"${arg_LABELS}\"\n"
    "    ENVIRONMENT \"${TESSERA_TEST_ENVIRONMENT}\")\n"
    "endif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${properties}")
endfunction()
