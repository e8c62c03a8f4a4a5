// ebpfnet network inspect.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"

namespace ebpfnet::cli {
namespace {

Result<int> inspect(Context& context, const std::string& format,
                    const std::vector<std::string>& names) {
  TRY_VOID(check_format(context, format, false));
  nlohmann::json found = nlohmann::json::array();
  // The array is complete before it is printed; what was not found is named on stderr meanwhile.
  Result<int> code = for_each(context, names, [&](const std::string& name) -> Result<void> {
    found.push_back(TRY(context.client.get(path_of("networks", name))));
    return {};
  });
  if (code) {
    print_json(found);
  }
  return code;
}

} // namespace

Action network_inspect(CLI::App& app) {
  struct Flags {
    std::string format = "json";
    std::vector<std::string> names;
  };
  auto flags = std::make_shared<Flags>();
  add_format(app, flags->format, "json");
  app.add_option("NAME", flags->names, "Names or ids")->required();
  return [flags](Context& context) { return inspect(context, flags->format, flags->names); };
}

} // namespace ebpfnet::cli
