// From the words that people type to an exit code: finds the command, parses its flags, runs it,
// and prints errors as one line. What each command does stands in commands/.
#pragma once

#include <string>
#include <vector>

namespace ebpfnet::cli {

// `words`: the command line without the program's name. Prints to stdout and stderr. Returns 0
// done, 1 refused or failed, 2 usage, 3 daemon unreachable; `run` and `exec` the command's own
// code, or 125, 126, 127.
int run(std::vector<std::string> words);

} // namespace ebpfnet::cli
