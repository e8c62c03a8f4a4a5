// Help made from the registry and from the flags that commands declare.
#include "cli/help.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace ebpfnet::cli {
namespace {

constexpr std::size_t kFlagColumn = 36;

std::string line_of(const Command& command) {
  return fmt::format("  {:<20} {}\n", command.path, command.summary);
}

// "network" for "network create", "" for "run".
std::string_view noun_of(const Command& command) {
  std::size_t space = command.path.find(' ');
  return space == std::string_view::npos ? std::string_view() : command.path.substr(0, space);
}

std::string indent(std::string_view text) {
  std::string out = "  ";
  for (char c : text) {
    out += c;
    if (c == '\n') {
      out += "  ";
    }
  }
  return out + "\n";
}

// "  -l, --label K=V       Label of the sandbox"
std::string flag_line(const Arguments::FlagHelp& flag) {
  std::string names;
  for (const std::string& name : flag.short_names) {
    names += (names.empty() ? "-" : ", -") + name;
  }
  for (const std::string& name : flag.long_names) {
    names += (names.empty() ? "    --" : ", --") + name;
  }
  if (!flag.value.empty()) {
    names += " " + flag.value;
  }
  std::string pad = names.size() < kFlagColumn ? std::string(kFlagColumn - names.size(), ' ')
                                               : "\n" + std::string(kFlagColumn + 2, ' ');
  return fmt::format("  {}{}{}\n", names, pad, flag.help);
}

} // namespace

std::string overview() {
  std::string out = "Usage: ebpfnet [--host unix:///PATH] COMMAND [FLAGS] [ARGS]\n\n"
                    "Networks for processes and containers, on eBPF.\n\nCommands:\n";
  std::string_view last;
  for (const Command& command : commands()) {
    out += noun_of(command) != last ? "\n" : "";
    last = noun_of(command);
    out += line_of(command);
  }
  return out +
         "\nFlags:\n"
         "  --host unix:///PATH   socket of the daemon, also from EBPFNET_HOST\n"
         "  --version             print the version of this program\n"
         "  --help                show this text, or that of a command\n\n"
         "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 daemon unreachable; run and exec "
         "return the\n"
         "command's own code, or 125 failed before it, 126 cannot be executed, 127 not found.\n";
}

std::string noun_help(std::string_view noun) {
  std::string lines;
  for (const Command& command : commands()) {
    if (noun_of(command) == noun) {
      lines += line_of(command);
    }
  }
  return lines.empty()
             ? lines
             : fmt::format("Usage: ebpfnet {} VERB [FLAGS] [ARGS]\n\nCommands:\n{}", noun, lines);
}

std::string command_help(const Command& command, const Arguments& arguments) {
  std::string out =
      fmt::format("Usage: ebpfnet {} {}\n\n{}\n", command.path, command.usage, command.summary);
  if (!command.details.empty()) {
    out += fmt::format("\n{}\n", command.details);
  }
  out += "\nFlags:\n";
  for (const Arguments::FlagHelp& flag : arguments.flags()) {
    out += flag_line(flag);
  }
  if (!command.examples.empty()) {
    out += "\nExamples:\n" + indent(command.examples);
  }
  return out;
}

} // namespace ebpfnet::cli
