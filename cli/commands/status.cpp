// ebpfnet status: what the daemon says about itself, as a report or as JSON.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"
#include "cli/status_report.hpp"

namespace ebpfnet::cli {

Action status(Arguments& arguments) {
  struct Flags {
    bool verify = false;
    std::string format = "table";
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_flag("--verify", flags->verify, "Compare what is wanted with what the kernel has");
  add_format(arguments, flags->format, "table or json");
  return [flags](Context& context) -> Result<int> {
    TRY_VOID(check_format(context, flags->format));
    std::string query = query_of({{"verify", flags->verify ? "1" : ""}});
    nlohmann::json reply = TRY(context.client.get("/v1/status" + query));
    if (flags->format == "json") {
      print_json(reply);
    } else {
      fmt::print("{}", status_report(reply));
    }
    // With --verify the exit code tells whether all is well.
    return reply.value("Problems", nlohmann::json::array()).empty() ? 0 : 1;
  };
}

} // namespace ebpfnet::cli
