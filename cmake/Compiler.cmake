# Warnings, sanitizers and ccache: the same for every target of the project.
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Wcast-align)
add_compile_definitions(_GNU_SOURCE)

# Line numbers for stack traces; the preset `debug` has all that a debugger can use. All of it takes a third more time.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

# For what reads a command line and prints: the libraries for that take the optimiser longer than all else, and it runs once.
function(sluice_barely_optimise)
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
  endforeach()
endfunction()

# For pure logic that tests put through millions of steps: optimised also where a sanitizer looks on.
function(sluice_always_optimise)
  if(SLUICE_SANITIZE)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -O1)
    endforeach()
  endif()
endfunction()

# Under a sanitizer, several sources of a library are compiled as one: to read headers is most of the work where nothing is
# optimised. In all other builds each source is compiled alone, so that one that lacks an include is found there, and a name
# that shadows another of its own source; here it may meet one of its neighbour's.
function(sluice_compile_together)
  if(SLUICE_SANITIZE)
    set_target_properties(${ARGN} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE -Wno-shadow)
    endforeach()
  endif()
endfunction()

# Evaluates the costly contracts (src/base/contract.h) of these targets in builds that have tests. MEASURED: they lie on a
# path that the benchmarks measure, in the preset `release`, so that theirs are left out there. Public, because contracts
# stand in headers too.
function(sluice_check_costly_contracts)
  cmake_parse_arguments(PARSE_ARGV 0 COSTLY "MEASURED" "" "")
  if(SLUICE_TESTS AND NOT (COSTLY_MEASURED AND CMAKE_BUILD_TYPE MATCHES "Rel" AND NOT SLUICE_SANITIZE))
    foreach(target ${COSTLY_UNPARSED_ARGUMENTS})
      target_compile_definitions(${target} PUBLIC SLUICE_COSTLY_CONTRACTS)
    endforeach()
  endif()
endfunction()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # The sloppiness is what lets ccache work beside the tests' precompiled header.
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()

if(SLUICE_SANITIZE)
  add_compile_definitions(SLUICE_SANITIZED)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
  # Each program carries the runtime: the linker is half of such a build, or with lld a tenth.
  find_program(LLD_PROGRAM ld.lld)
  if(LLD_PROGRAM)
    add_link_options(-fuse-ld=lld)
  endif()
  if(SLUICE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # It warns that it does not model fences. Ours only order atomics against sleeping; data goes by acquire and release.
    add_compile_options(-Wno-tsan)
  endif()
  if(SLUICE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

if(SLUICE_FUZZ)
  # Coverage for every library; each fuzz target itself links the driver.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
