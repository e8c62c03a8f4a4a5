// Dispatch, parsing and exit codes: see app.hpp. Each command has a parser of its own, so that a
// sandbox may bear the name of a command.
#include "cli/app.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "cli/command.hpp"
#include "cli/help.hpp"
#include "cli/words.hpp"

namespace ebpfnet::cli {
namespace {

constexpr std::string_view kDefaultHost = "unix:///run/ebpfnet/api.sock";
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;
constexpr int kFailedBeforeCommand = 125;
constexpr int kCannotExecute = 126;
constexpr int kNoSuchCommand = 127;

std::string default_host() {
  const char* host = std::getenv("EBPFNET_HOST");
  return host != nullptr && *host != '\0' ? host : std::string(kDefaultHost);
}

int usage_error(const std::string& story, const std::string& hint) {
  print_error({ErrorCode::invalid, 0, story, hint});
  return kUsage;
}

int exit_code_of(const Error& error, const Command& command, const Context& context) {
  if (context.usage_error) {
    return kUsage;
  }
  if (context.client.unreachable()) {
    return kUnreachable;
  }
  if (!command.runs_command()) {
    return kRefused;
  }
  if (error.code == ErrorCode::not_executable) {
    return kCannotExecute;
  }
  return error.code == ErrorCode::no_command ? kNoSuchCommand : kFailedBeforeCommand;
}

int perform(const Command& command, const Action& action, Context& context) {
  Result<int> done = action(context);
  std::fflush(stdout);
  if (done) {
    return *done;
  }
  Error error = std::move(done).error();
  if (context.usage_error && error.hint.empty()) {
    error.hint = fmt::format("see 'ebpfnet {} --help'", command.path);
  }
  print_error(error);
  return exit_code_of(error, command, context);
}

int run_command(const Command& command, std::string host, const std::vector<std::string>& words) {
  Arguments arguments;
  arguments.add_option("--host", host, "Socket of the daemon, also from EBPFNET_HOST")
      .type_name("unix:///PATH");
  Action action = command.define(arguments);
  SplitWords split{words, {}};
  if (command.runs_command()) {
    split = split_command(arguments, words, command.words_before_command);
  }
  const Result<bool> parsed = arguments.parse(std::move(split.own));
  if (!parsed) {
    return usage_error(parsed.error().message,
                       fmt::format("see 'ebpfnet {} --help'", command.path));
  }
  if (!*parsed) {
    fmt::print("{}", command_help(command, arguments));
    return 0;
  }
  Result<Client> client = Client::from(host);
  if (!client) {
    return usage_error(client.error().message, client.error().hint);
  }
  Context context{*client, std::move(split.command)};
  return perform(command, action, context);
}

// Words before the command: --host, --help, --version. Empty: go on; else the exit code.
std::optional<int> take_global_flags(std::vector<std::string>& words, std::string& host) {
  while (!words.empty() && words.front().starts_with('-')) {
    std::string flag = words.front();
    words.erase(words.begin());
    if (flag == "--help" || flag == "-h") {
      fmt::print("{}", overview());
      return 0;
    }
    if (flag == "--version" || flag == "-v") {
      fmt::print("ebpfnet version {}\n", EBPFNET_VERSION);
      return 0;
    }
    if (flag.starts_with("--host=")) {
      host = flag.substr(7);
    } else if (flag == "--host" && !words.empty()) {
      host = words.front();
      words.erase(words.begin());
    } else {
      return usage_error(flag == "--host" ? "--host has no value"
                                          : fmt::format("unknown flag '{}'", flag),
                         "see 'ebpfnet --help'");
    }
  }
  return std::nullopt;
}

// The row whose path the words begin with; its words are taken away.
const Command* take_command(std::vector<std::string>& words) {
  for (std::size_t count : {2, 1}) {
    if (words.size() < count) {
      continue;
    }
    std::string path = count == 2 ? words[0] + " " + words[1] : words[0];
    for (const Command& command : commands()) {
      if (command.path == path) {
        words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count));
        return &command;
      }
    }
  }
  return nullptr;
}

int no_such_command(const std::vector<std::string>& words) {
  const std::string& noun = words.front();
  auto planned = planned_commands();
  if (std::find(planned.begin(), planned.end(), noun) != planned.end()) {
    print_error({ErrorCode::unsupported, 0, fmt::format("'{}' is not built yet", noun),
                 "'ebpfnet --help' lists what is"});
    return kRefused;
  }
  if (std::string verbs = noun_help(noun); !verbs.empty()) {
    if (words.size() > 1 && (words[1] == "--help" || words[1] == "-h")) {
      fmt::print("{}", verbs);
      return 0;
    }
    std::string story = words.size() == 1 ? fmt::format("'{}' needs a verb", noun)
                                          : fmt::format("'{} {}' is not a command", noun, words[1]);
    return usage_error(story, fmt::format("see 'ebpfnet {} --help'", noun));
  }
  return usage_error(fmt::format("'{}' is not a command", noun), "see 'ebpfnet --help'");
}

} // namespace

int run(std::vector<std::string> words) {
  std::string host = default_host();
  if (std::optional<int> code = take_global_flags(words, host)) {
    return *code;
  }
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.push_back("--help");
    return run(std::move(words));
  }
  if (words.empty()) {
    return usage_error("the command is missing", "see 'ebpfnet --help'");
  }
  std::vector<std::string> rest = words;
  const Command* command = take_command(rest);
  return command != nullptr ? run_command(*command, host, rest) : no_such_command(words);
}

} // namespace ebpfnet::cli
