// ebpfnet version: this program and the daemon.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"

namespace ebpfnet::cli {

Action version(Arguments& arguments) {
  auto format = std::make_shared<std::string>("table");
  add_format(arguments, *format, "table or json");
  return [format](Context& context) -> Result<int> {
    TRY_VOID(check_format(context, *format));
    nlohmann::json client = {{"Version", EBPFNET_VERSION}};
    if (*format == "json") {
      nlohmann::json server = TRY(context.client.get("/v1/version"));
      print_json({{"Client", client}, {"Server", server}});
      return 0;
    }
    // The client's half is worth printing also without a daemon.
    fmt::print("Client:\n{}", tree_text(client, 2));
    nlohmann::json server = TRY(context.client.get("/v1/version"));
    fmt::print("Server:\n{}", tree_text(server, 2));
    return 0;
  };
}

} // namespace ebpfnet::cli
