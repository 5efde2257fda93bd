# The targets of the C runtime. Sources are found by name, so that adding a file never needs an edit here:
#   runtime_c/src/**/*.c, runtime_c/gen/**/*.c   the library
#   runtime_c/tools/<name>.c or <name>/*.c       one executable each, with tools/common/*.c linked in
#   runtime_c/test/**/test_*.c                   one test each, with the other *.c of its folder linked in
#   runtime_c/fuzz/fuzz_*.c                      one libFuzzer target each

# Flags every EdgeKit target is compiled with.
function(ek_set_common_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                                           -Wno-missing-field-initializers -ffunction-sections -fdata-sections)
  if(EK_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(EK_SANITIZE)
    target_compile_options(${target} PRIVATE "-fsanitize=${EK_SANITIZE}" -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer -g)
    target_link_options(${target} PRIVATE "-fsanitize=${EK_SANITIZE}")
  elseif(APPLE)
    target_link_options(${target} PRIVATE -Wl,-dead_strip)
  else()
    target_link_options(${target} PRIVATE -Wl,--gc-sections)
  endif()
endfunction()

# edgekit_internal: every object, hidden symbols reachable (tools, tests, fuzzers).
# edgekit: the shared library, which exports what EK_API marks and nothing else.
function(ek_add_libraries)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
       "${PROJECT_SOURCE_DIR}/runtime_c/src/*.c" "${PROJECT_SOURCE_DIR}/runtime_c/gen/*.c")
  if(NOT EK_OPENCL)
    list(FILTER sources EXCLUDE REGEX "/src/backends/opencl/|/ek_opencl_kernels_gen\\.c$")
  endif()

  add_library(edgekit_objects OBJECT)
  ek_target_sources_by_isa(edgekit_objects ${sources})
  ek_set_common_options(edgekit_objects)
  target_compile_definitions(edgekit_objects PRIVATE EK_BUILDING_LIBRARY=1 $<$<NOT:$<BOOL:${EK_OPENCL}>>:EK_NO_OPENCL=1>)
  target_include_directories(edgekit_objects PUBLIC
    "${PROJECT_SOURCE_DIR}/runtime_c/include" "${PROJECT_SOURCE_DIR}/runtime_c/src"
    "${PROJECT_SOURCE_DIR}/runtime_c/gen")
  # The floating-point contract holds for every file: a*b+c is two roundings unless a kernel asks for an fma by name.
  # Nobody reads errno: sqrtf is then one instruction.
  target_compile_options(edgekit_objects PRIVATE -ffp-contract=off -fno-math-errno)
  target_link_libraries(edgekit_objects PUBLIC Threads::Threads ${CMAKE_DL_LIBS} m)

  add_library(edgekit_internal STATIC)
  target_link_libraries(edgekit_internal PUBLIC edgekit_objects)

  add_library(edgekit SHARED)
  target_link_libraries(edgekit PRIVATE edgekit_objects)
  target_include_directories(edgekit INTERFACE "${PROJECT_SOURCE_DIR}/runtime_c/include")
  set_target_properties(edgekit PROPERTIES LINKER_LANGUAGE C)
  ek_set_common_options(edgekit)
  if(NOT EK_SANITIZE AND NOT APPLE)
    target_link_options(edgekit PRIVATE -Wl,--no-undefined)
  endif()
endfunction()

function(ek_add_executable name)
  add_executable(${name} ${ARGN})
  ek_set_common_options(${name})
  target_compile_options(${name} PRIVATE -ffp-contract=off)
  target_link_libraries(${name} PRIVATE edgekit_internal)
  if(EK_STATIC_TOOLS)
    target_link_options(${name} PRIVATE -static)
  endif()
endfunction()

function(ek_add_tools)
  file(GLOB entries CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime_c/tools/*")
  list(FILTER entries EXCLUDE REGEX "/common$")
  file(GLOB common CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime_c/tools/common/*.c")
  foreach(entry IN LISTS entries)
    get_filename_component(name "${entry}" NAME_WE)
    if(IS_DIRECTORY "${entry}")
      file(GLOB sources CONFIGURE_DEPENDS "${entry}/*.c")
    elseif(entry MATCHES "\\.c$")
      set(sources "${entry}")
    else()
      continue()
    endif()
    if(sources)
      ek_add_executable(${name} ${sources} ${common})
      target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/runtime_c/tools/common")
    endif()
  endforeach()
endfunction()

function(ek_add_tests)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime_c/test/test_*.c")
  foreach(test IN LISTS tests)
    get_filename_component(name "${test}" NAME_WE)
    get_filename_component(folder "${test}" DIRECTORY)
    file(GLOB helpers CONFIGURE_DEPENDS "${folder}/*.c")
    list(FILTER helpers EXCLUDE REGEX "/test_[^/]*\\.c$")
    ek_add_executable(${name} "${test}" ${helpers})
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/runtime_c/test")
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  endforeach()
endfunction()

function(ek_add_fuzzers)
  file(GLOB fuzzers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime_c/fuzz/fuzz_*.c")
  foreach(fuzzer IN LISTS fuzzers)
    get_filename_component(name "${fuzzer}" NAME_WE)
    ek_add_executable(${name} "${fuzzer}")
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
endfunction()
