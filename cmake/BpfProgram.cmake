# bpf_program(NAME [FOLDER f] [VARIANT v FLAGS ...]): compiles f/NAME.bpf.c (default: bpf/programs) with clang 19 and
# generates NAME.skel.h from it. The target NAME_skel carries the include directory of the skeleton. A variant is the
# same source compiled with other flags, which come after the usual ones: NAME_skel_v.
find_program(BPF_CLANG NAMES clang-19 clang REQUIRED)
find_program(BPF_STRIP NAMES llvm-strip-19 llvm-strip REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /usr/local/sbin REQUIRED)
set(BPF_OUT ${CMAKE_BINARY_DIR}/bpf)
set(BPF_FLAGS -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Werror -Wno-unused-function
    -I${CMAKE_SOURCE_DIR} -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE})

function(bpf_program name)
  cmake_parse_arguments(arg "" "FOLDER;VARIANT" "FLAGS" ${ARGN})
  set(source ${CMAKE_SOURCE_DIR}/bpf/programs/${name}.bpf.c)
  if(arg_FOLDER)
    set(source ${CMAKE_SOURCE_DIR}/${arg_FOLDER}/${name}.bpf.c)
  endif()
  set(out ${BPF_OUT})
  set(target ${name}_skel)
  if(arg_VARIANT)
    set(out ${BPF_OUT}/${arg_VARIANT})
    set(target ${name}_skel_${arg_VARIANT})
  endif()
  set(object ${out}/${name}.bpf.o)
  set(skeleton ${out}/${name}.skel.h)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
    COMMAND ${BPF_CLANG} ${BPF_FLAGS} ${arg_FLAGS} -MD -MF ${object}.d
            -c ${source} -o ${object}
    COMMAND ${BPF_STRIP} -g ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "BPF ${name} ${arg_VARIANT}" VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name} > ${skeleton}
    DEPENDS ${object}
    COMMENT "Skeleton ${name} ${arg_VARIANT}" VERBATIM)
  add_custom_target(${target}_gen DEPENDS ${skeleton})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_gen)
  target_include_directories(${target} SYSTEM INTERFACE ${out})
endfunction()
