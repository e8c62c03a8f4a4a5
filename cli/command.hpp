// What a command is: a row of the registry, a function that declares its flags, and the action that
// it returns.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/client.hpp"
#include "maps/types/error.hpp"

namespace ebpfnet::cli {

struct Context {
  Client& client;
  std::vector<std::string> command; // of `run` and `exec`: what the sandbox is to run
  bool usage_error = false;         // the words were wrong, not the world: exit code 2

  // A refusal of what the user typed.
  Failure usage(std::string story, std::string hint = {}) {
    usage_error = true;
    return Failure(Error{ErrorCode::invalid, 0, std::move(story), std::move(hint)});
  }
  // Turns an error of a parser into such a refusal: TRY(context.typed(PortSpec::from(text))).
  template <class T> Result<T> typed(Result<T> result) {
    usage_error = usage_error || !result;
    return result;
  }
};

// Returns the exit code.
using Action = std::function<Result<int>(Context&)>;

struct Command {
  std::string_view path;    // "network create"
  std::string_view usage;   // what follows the path
  std::string_view summary; // one line
  std::string_view details; // more lines for --help; may be empty
  std::string_view examples;
  Action (*define)(Arguments& arguments);
  int words_before_command =
      -1; // -1: no foreign command; else how many names stand before it (run 0, exec 1)

  bool runs_command() const { return words_before_command >= 0; }
};

// Every command that is built, in the order in which --help shows them.
std::span<const Command> commands();
// First words that docs/cli.md names and that are not built yet.
std::span<const std::string_view> planned_commands();

// "K=V" pairs; a key alone has the value "". Refuses an empty key.
Result<std::map<std::string, std::string>> parse_pairs(Context& context, std::string_view flag,
                                                       const std::vector<std::string>& texts);
// Does `act` for each name and goes on after errors, which are printed as they come. Returns the
// exit code 0 or 1, or at once the error when the daemon cannot be reached.
Result<int> for_each(Context& context, const std::vector<std::string>& names,
                     const std::function<Result<void>(const std::string&)>& act);
// "Error: <story> (hint: ...)" on stderr, always one line.
void print_error(const Error& error);

} // namespace ebpfnet::cli
