#include "cli/actions.hpp"

#include <fmt/core.h>

#include <memory>

#include "cli/output.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action post_to_sandboxes(Arguments& arguments, std::string verb,
                         std::function<nlohmann::json()> body) {
  auto names = std::make_shared<std::vector<std::string>>();
  arguments.add_option("SANDBOX", *names, "Names or ids").required();
  return [names, verb = std::move(verb), body = std::move(body)](Context& context) {
    return for_each(context, *names, [&](const std::string& name) -> Result<void> {
      TRY(context.client.post(path_of("sandboxes", name, verb), body()));
      fmt::print("{}\n", name);
      return {};
    });
  };
}

Action stop_sandboxes(Arguments& arguments, std::string verb) {
  auto request = std::make_shared<api::SandboxStop>();
  arguments.add_option("-t,--time", request->timeout_seconds, "Seconds between SIGTERM and SIGKILL")
      .type_name("SECONDS")
      .check([](const std::string& text) {
        return text.starts_with('-') ? "'" + text + "' is less than 0" : std::string();
      });
  return post_to_sandboxes(arguments, std::move(verb),
                           [request] { return api::to_json(*request); });
}

Action inspect_objects(Arguments& arguments, std::string collection) {
  struct Flags {
    std::string format = "json";
    std::vector<std::string> names;
  };
  auto flags = std::make_shared<Flags>();
  add_format(arguments, flags->format, "json");
  arguments.add_option("NAME", flags->names, "Names or ids").required();
  return [flags, collection = std::move(collection)](Context& context) -> Result<int> {
    TRY_VOID(check_format(context, flags->format, false));
    nlohmann::json found = nlohmann::json::array();
    // The array is complete before it is printed; what was not found is named on stderr meanwhile.
    Result<int> code =
        for_each(context, flags->names, [&](const std::string& name) -> Result<void> {
          found.push_back(TRY(context.client.get(path_of(collection, name))));
          return {};
        });
    if (code) {
      print_json(found);
    }
    return code;
  };
}

} // namespace ebpfnet::cli
