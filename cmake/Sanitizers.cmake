# Builds whose programs watch themselves: EBPFNET_SANITIZE is what -fsanitize= takes, "address,undefined" or "thread".
# A report of a program that nobody watches would be lost, so the product's programs write theirs to
# sanitizer/report.PROGRAM.PID in the build directory; the tests fail on every such file.
set(EBPFNET_SANITIZE "" CACHE STRING "Sanitizers for C++ code, as for -fsanitize= (address,undefined or thread)")
option(EBPFNET_FUZZ "Build the libFuzzer targets (clang, with a sanitizer)" OFF)
set(EBPFNET_REPORTS ${CMAKE_BINARY_DIR}/sanitizer)

if(EBPFNET_SANITIZE)
  add_compile_options(-fsanitize=${EBPFNET_SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${EBPFNET_SANITIZE})
endif()

# ebn_report_to_file(TARGET): the sanitizer reports of this program go to EBPFNET_REPORTS.
function(ebn_report_to_file target)
  if(EBPFNET_SANITIZE)
    find_program(LLVM_SYMBOLIZER NAMES llvm-symbolizer-19 llvm-symbolizer REQUIRED)
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/sanitizer_options.cpp)
    set_source_files_properties(${CMAKE_SOURCE_DIR}/cmake/sanitizer_options.cpp TARGET_DIRECTORY ${target} PROPERTIES
      SKIP_PRECOMPILE_HEADERS ON
      COMPILE_DEFINITIONS "EBPFNET_REPORTS=\"${EBPFNET_REPORTS}\";LLVM_SYMBOLIZER=\"${LLVM_SYMBOLIZER}\"")
  endif()
endfunction()
