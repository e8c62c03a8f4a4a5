// ebpfnet port: published ports as "80/tcp -> 0.0.0.0:5000" lines, or the host side of one of them.
#include <algorithm>
#include <cstdlib>
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"

namespace ebpfnet::cli {
namespace {

// "0.0.0.0:5000" or "[::]:5000"
std::string host_side(const nlohmann::json& binding) {
  std::string address = text_at(binding, "HostIp");
  bool v6 = address.find(':') != std::string::npos;
  return fmt::format("{}:{}", v6 ? "[" + address + "]" : address, text_at(binding, "HostPort"));
}

Result<int> print_one(const nlohmann::json& ports, const std::string& sandbox,
                      const std::string& port) {
  std::string key = port.find('/') == std::string::npos ? port + "/tcp" : port;
  auto bindings = ports.find(key);
  if (bindings == ports.end() || bindings->empty()) {
    return fail(ErrorCode::not_found, "no public port '{}' published for {}", key, sandbox);
  }
  for (const nlohmann::json& binding : *bindings) {
    fmt::print("{}\n", host_side(binding));
  }
  return 0;
}

// "80/tcp" before "443/tcp".
bool by_number(const std::string& a, const std::string& b) {
  int left = std::atoi(a.c_str());
  int right = std::atoi(b.c_str());
  return left != right ? left < right : a < b;
}

Result<int> print_ports(Context& context, const std::string& sandbox, const std::string& port) {
  nlohmann::json object = TRY(context.client.get(path_of("sandboxes", sandbox)));
  nlohmann::json ports =
      object.value("/NetworkSettings/Ports"_json_pointer, nlohmann::json::object());
  if (!port.empty()) {
    return print_one(ports, sandbox, port);
  }
  std::vector<std::string> keys;
  for (const auto& [key, bindings] : ports.items()) {
    keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end(), by_number);
  for (const std::string& key : keys) {
    for (const nlohmann::json& binding : ports[key]) {
      fmt::print("{} -> {}\n", key, host_side(binding));
    }
  }
  return 0;
}

} // namespace

Action sandbox_port(Arguments& arguments) {
  struct Flags {
    std::string sandbox;
    std::string port;
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_option("SANDBOX", flags->sandbox, "Sandbox").required();
  arguments.add_option("PORT", flags->port, "Port of the sandbox, PORT[/PROTO]");
  return [flags](Context& context) { return print_ports(context, flags->sandbox, flags->port); };
}

} // namespace ebpfnet::cli
