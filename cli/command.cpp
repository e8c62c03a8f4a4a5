// Helpers that many commands share.
#include "cli/command.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

namespace ebpfnet::cli {

Result<std::map<std::string, std::string>> parse_pairs(Context& context, std::string_view flag,
                                                       const std::vector<std::string>& texts) {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : texts) {
    std::size_t equals = text.find('=');
    std::string key = text.substr(0, equals);
    if (key.empty()) {
      return context.usage(fmt::format("{} '{}': the key is missing", flag, text),
                           "write KEY=VALUE");
    }
    pairs[key] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return pairs;
}

Result<int> for_each(Context& context, const std::vector<std::string>& names,
                     const std::function<Result<void>(const std::string&)>& act) {
  int code = 0;
  for (const std::string& name : names) {
    Result<void> done = act(name);
    if (!done && context.client.unreachable()) {
      return Failure(std::move(done).error());
    }
    if (!done) {
      std::fflush(stdout);
      print_error(done.error());
      code = 1;
    }
  }
  return code;
}

void print_error(const Error& error) {
  std::string line = error.story();
  std::replace(line.begin(), line.end(), '\n', ' ');
  fmt::print(stderr, "Error: {}\n", line);
}

} // namespace ebpfnet::cli
