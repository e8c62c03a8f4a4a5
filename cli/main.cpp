// The executable around the command line library.
#include "cli/app.hpp"

int main(int argc, char** argv) {
  return ebpfnet::cli::run({argv + 1, argv + argc});
}
