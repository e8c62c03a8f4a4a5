# Headers of other projects that are read once per build instead of once per file. Off unless a preset asks for it:
# only without them must every file name what it uses. For clang; g++ wants the same flags for all users.
option(EBPFNET_PCH "Precompile the heavy headers of other projects" OFF)

# ebn_precompiled(GROUP HEADERS <header>... LIBS target...): a set of headers, with the libraries whose flags they need.
function(ebn_precompiled group)
  if(NOT EBPFNET_PCH)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "HEADERS;LIBS" ${ARGN})
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch/${group}.cpp CONTENT "// Carries precompiled headers.\n")
  add_library(pch_${group} OBJECT ${CMAKE_BINARY_DIR}/pch/${group}.cpp)
  target_link_libraries(pch_${group} PRIVATE ${arg_LIBS})
  target_precompile_headers(pch_${group} PRIVATE ${arg_HEADERS})
endfunction()

# ebn_use_precompiled(TARGET GROUP): the target's files begin with the headers of the group.
function(ebn_use_precompiled target group)
  if(EBPFNET_PCH)
    target_precompile_headers(${target} REUSE_FROM pch_${group})
  endif()
endfunction()

if(EBPFNET_PCH)
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp") # or no compiler cache can know them again
endif()

set(EBN_PRECOMPILED
    <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <cstdint> <expected> <filesystem> <fstream>
    <functional> <map> <memory> <mutex> <optional> <random> <set> <span> <sstream> <string> <string_view> <thread>
    <vector> <fmt/format.h> <fmt/ranges.h> <nlohmann/json.hpp>)
set(EBN_PRECOMPILED_LIBS fmt::fmt nlohmann_json::nlohmann_json)
ebn_precompiled(base HEADERS ${EBN_PRECOMPILED} <spdlog/spdlog.h> LIBS ${EBN_PRECOMPILED_LIBS} spdlog::spdlog)
