// ebpfnet ps.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"

namespace ebpfnet::cli {
namespace {

nlohmann::json sandbox_row(const nlohmann::json& sandbox) {
  // Docker says Names, the rest of this program Name.
  return {{"ID", text_at(sandbox, "Id")},
          {"Name", text_at(sandbox, "Name")},
          {"Names", text_at(sandbox, "Name")},
          {"State", text_at(sandbox, "State")},
          {"Status", text_at(sandbox, "Status")},
          {"PID", text_at(sandbox, "Pid")},
          {"Networks", text_at(sandbox, "Networks")},
          {"Ports", text_at(sandbox, "Ports")},
          {"Labels", text_at(sandbox, "Labels")},
          {"CreatedAt", text_at(sandbox, "Created")}};
}

Result<int> list(Context& context, const ListFlags& flags, bool all) {
  TRY_VOID(check_format(context, flags.format));
  std::string filters = TRY(filters_json(context, flags.filters));
  std::string query = query_of({{"all", all ? "1" : ""}, {"filters", filters}});
  nlohmann::json sandboxes = TRY(context.client.get("/v1/sandboxes" + query));
  nlohmann::json rows = nlohmann::json::array();
  for (const nlohmann::json& sandbox : sandboxes) {
    rows.push_back(sandbox_row(sandbox));
  }
  print_list(flags,
             {{"SANDBOX ID", "ID"},
              {"NAME", "Name"},
              {"STATUS", "Status"},
              {"PID", "PID"},
              {"NETWORKS", "Networks"},
              {"PORTS", "Ports"}},
             std::move(rows));
  return 0;
}

} // namespace

Action sandbox_ps(Arguments& arguments) {
  struct Flags {
    ListFlags list;
    bool all = false;
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_flag("-a,--all", flags->all, "Also those that do not run");
  add_list_flags(arguments, flags->list);
  return [flags](Context& context) { return list(context, flags->list, flags->all); };
}

} // namespace ebpfnet::cli
