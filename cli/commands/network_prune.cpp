// ebpfnet network prune: asks first when somebody sits at the terminal.
#include <fmt/core.h>
#include <iostream>
#include <memory>
#include <unistd.h>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"

namespace ebpfnet::cli {
namespace {

bool confirmed() {
  fmt::print("WARNING! This will remove all networks that no sandbox uses.\nAre you sure you want "
             "to continue? [y/N] ");
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<int> prune(Context& context, bool force, const std::vector<std::string>& filters) {
  std::string json = TRY(filters_json(context, filters));
  if (!force && ::isatty(STDIN_FILENO) != 0 && !confirmed()) {
    return 1;
  }
  nlohmann::json reply = TRY(context.client.post(
      "/v1/networks/prune" + query_of({{"filters", json}}), nlohmann::json::object()));
  auto deleted = reply.find("NetworksDeleted");
  if (deleted == reply.end() || deleted->empty()) {
    return 0;
  }
  fmt::print("Deleted Networks:\n");
  for (const nlohmann::json& name : *deleted) {
    fmt::print("{}\n", name.is_string() ? name.get<std::string>() : name.dump());
  }
  return 0;
}

} // namespace

Action network_prune(Arguments& arguments) {
  struct Flags {
    bool force = false;
    std::vector<std::string> filters;
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_flag("-f,--force", flags->force, "Do not ask");
  add_filters(arguments, "--filter", flags->filters);
  return [flags](Context& context) { return prune(context, flags->force, flags->filters); };
}

} // namespace ebpfnet::cli
