// The --help texts: all commands, the verbs of one noun, one command.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.hpp"

namespace ebpfnet::cli {

std::string overview();
// Empty when no command begins with this noun.
std::string noun_help(std::string_view noun);
std::string command_help(const Command& command, const Arguments& arguments);

} // namespace ebpfnet::cli
