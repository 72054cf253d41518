# Language level, warnings and hardening, in one place.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(PORTREEVE_SANITIZE "" CACHE STRING "Sanitizers to build with, as in -fsanitize=LIST")
option(PORTREEVE_FUZZERS "Build the libFuzzer targets (clang only)" OFF)
option(PORTREEVE_WERROR "Treat warnings as errors" OFF)
option(PORTREEVE_HARDEN "Hardened release binaries" OFF)
option(PORTREEVE_PCH "Precompile Asio" ON)
option(PORTREEVE_BENCHMARKS "Build the micro benchmarks" OFF)

# Linked PRIVATE by every target of ours, never by third-party code.
add_library(portreeve_warnings INTERFACE)
target_compile_options(portreeve_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wimplicit-fallthrough
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${PORTREEVE_WERROR}>:-Werror>)

# Debug paths that don't depend on where the clone stands, so that ccache hits from another folder.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)

if(PORTREEVE_SANITIZE)
  add_compile_options(-fsanitize=${PORTREEVE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PORTREEVE_SANITIZE})
endif()

if(PORTREEVE_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(PORTREEVE_HARDEN)
  add_compile_options(-D_FORTIFY_SOURCE=3 -fstack-protector-strong -fcf-protection)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
add_link_options($<$<CXX_COMPILER_ID:Clang>:-fuse-ld=lld>)

# One link at a time: a link takes memory and both cores.
set_property(GLOBAL PROPERTY JOB_POOLS link=1)
set(CMAKE_JOB_POOL_LINK link)
