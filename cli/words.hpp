// Takes the command line apart before flags are parsed: global flags, the command's own words, and
// the foreign command of `run` and `exec`, whose words must never be taken for ours.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"

namespace ebpfnet::cli {

struct SplitWords {
  std::vector<std::string> own; // flags and names for the parser
  std::vector<std::string>
      command; // the rest: after "--", or from the first word that is neither flag nor name
};

// `arguments` declares the flags, so that the value of a flag is not taken for the command.
// `names`: how many words that are no flags stand before the command.
SplitWords split_command(const Arguments& arguments, const std::vector<std::string>& words,
                         int names);

} // namespace ebpfnet::cli
