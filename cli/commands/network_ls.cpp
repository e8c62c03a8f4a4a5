// ebpfnet network ls.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"

namespace ebpfnet::cli {
namespace {

nlohmann::json network_row(const nlohmann::json& network) {
  return {{"ID", text_at(network, "Id")},
          {"Name", text_at(network, "Name")},
          {"Driver", text_at(network, "Driver")},
          {"Scope", text_at(network, "Scope")},
          {"Internal", text_at(network, "Internal")},
          {"IPv6", text_at(network, "EnableIPv6")},
          {"Labels", text_at(network, "Labels")},
          {"CreatedAt", text_at(network, "Created")}};
}

Result<int> list(Context& context, const ListFlags& flags) {
  TRY_VOID(check_format(context, flags.format));
  std::string filters = TRY(filters_json(context, flags.filters));
  nlohmann::json networks =
      TRY(context.client.get("/v1/networks" + query_of({{"filters", filters}})));
  nlohmann::json rows = nlohmann::json::array();
  for (const nlohmann::json& network : networks) {
    rows.push_back(network_row(network));
  }
  print_list(flags,
             {{"NETWORK ID", "ID"}, {"NAME", "Name"}, {"DRIVER", "Driver"}, {"SCOPE", "Scope"}},
             std::move(rows));
  return 0;
}

} // namespace

Action network_ls(Arguments& arguments) {
  auto flags = std::make_shared<ListFlags>();
  add_list_flags(arguments, *flags);
  return [flags](Context& context) { return list(context, *flags); };
}

} // namespace ebpfnet::cli
