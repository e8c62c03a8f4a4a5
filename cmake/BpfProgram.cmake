# bpf_program(NAME): compiles bpf/programs/NAME.bpf.c with clang 19 and generates NAME.skel.h from it.
# The target NAME_skel carries the include directory of the skeleton.
find_program(BPF_CLANG NAMES clang-19 clang REQUIRED)
find_program(BPF_STRIP NAMES llvm-strip-19 llvm-strip REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /usr/local/sbin REQUIRED)
set(BPF_OUT ${CMAKE_BINARY_DIR}/bpf)
set(BPF_FLAGS -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Werror -Wno-unused-function
    -I${CMAKE_SOURCE_DIR} -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE})

function(bpf_program name)
  set(object ${BPF_OUT}/${name}.bpf.o)
  set(skeleton ${BPF_OUT}/${name}.skel.h)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${BPF_OUT}
    COMMAND ${BPF_CLANG} ${BPF_FLAGS} -MD -MF ${object}.d -c ${CMAKE_SOURCE_DIR}/bpf/programs/${name}.bpf.c -o ${object}
    COMMAND ${BPF_STRIP} -g ${object}
    DEPENDS ${CMAKE_SOURCE_DIR}/bpf/programs/${name}.bpf.c
    DEPFILE ${object}.d
    COMMENT "BPF ${name}" VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name} > ${skeleton}
    DEPENDS ${object}
    COMMENT "Skeleton ${name}" VERBATIM)
  add_custom_target(${name}_gen DEPENDS ${skeleton})
  add_library(${name}_skel INTERFACE)
  add_dependencies(${name}_skel ${name}_gen)
  target_include_directories(${name}_skel SYSTEM INTERFACE ${BPF_OUT})
endfunction()
