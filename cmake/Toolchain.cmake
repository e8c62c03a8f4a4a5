# Compiler settings that hold for every C++ target of the project.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options(-Wno-missing-designated-field-initializers)
else()
  # At -O3 g++ 12 finds these in inlined code of its own standard library (GCC bugs 105329, 105651, 104475); clang
  # and the sanitizers watch over the same faults.
  add_compile_options(-Wno-missing-field-initializers -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
                      -Wno-restrict -Wno-maybe-uninitialized)
endif()
# Libraries and programs alike, since every library ends in a program.
add_compile_options(-fPIE)
add_link_options(-pie)
if(EBPFNET_WERROR)
  add_compile_options(-Werror)
endif()

# Every folder is on the include path by its own name: #include "daemon/ipam/pool.hpp".
include_directories(${CMAKE_SOURCE_DIR})
