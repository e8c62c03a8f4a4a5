#include "daemon/shim/spec.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/shim/capabilities.hpp"
#include "daemon/shim/user.hpp"

namespace ebpfnet::shim {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxHostname = 64; // __NEW_UTS_LEN

Result<void> check_no_nul(std::string_view what, const std::string& text) {
  if (text.find('\0') != std::string::npos) {
    return fail(ErrorCode::invalid, "{} contains a NUL byte", what);
  }
  return {};
}

Result<void> check_environment(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    TRY_VOID(check_no_nul("an environment variable", entry));
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::invalid, "environment variable '{}': NAME=VALUE expected", entry);
    }
  }
  return {};
}

Json process_to_json(const api::ProcessConfig& process) {
  return {{"command", process.command}, {"env", process.env},
          {"user", process.user},       {"workdir", process.workdir},
          {"cap_add", process.cap_add}, {"privileged", process.privileged},
          {"tty", process.tty},         {"interactive", process.interactive}};
}

api::ProcessConfig process_from_json(const Json& json) {
  api::ProcessConfig process;
  json.at("command").get_to(process.command);
  json.at("env").get_to(process.env);
  json.at("user").get_to(process.user);
  json.at("workdir").get_to(process.workdir);
  json.at("cap_add").get_to(process.cap_add);
  json.at("privileged").get_to(process.privileged);
  json.at("tty").get_to(process.tty);
  json.at("interactive").get_to(process.interactive);
  return process;
}

Json launch_to_json(const LaunchSpec& launch) {
  return {{"id", launch.id},
          {"shim_binary", launch.shim_binary.string()},
          {"run_dir", launch.run_dir.string()},
          {"state_dir", launch.state_dir.string()},
          {"netns_path", launch.netns_path.string()},
          {"cgroup_dir", launch.cgroup_dir.string()},
          {"hostname", launch.hostname},
          {"resolv_conf", launch.resolv_conf.string()},
          {"hosts", launch.hosts.string()},
          {"hostname_file", launch.hostname_file.string()},
          {"hide_resolvers", launch.hide_resolvers},
          {"process", process_to_json(launch.process)},
          {"attach", launch.attach},
          {"extra_env", launch.extra_env}};
}

LaunchSpec launch_from_json(const Json& json) {
  const auto path = [&json](const char* key) {
    return std::filesystem::path(json.at(key).get<std::string>());
  };
  LaunchSpec launch;
  json.at("id").get_to(launch.id);
  launch.shim_binary = path("shim_binary");
  launch.run_dir = path("run_dir");
  launch.state_dir = path("state_dir");
  launch.netns_path = path("netns_path");
  launch.cgroup_dir = path("cgroup_dir");
  json.at("hostname").get_to(launch.hostname);
  launch.resolv_conf = path("resolv_conf");
  launch.hosts = path("hosts");
  launch.hostname_file = path("hostname_file");
  json.at("hide_resolvers").get_to(launch.hide_resolvers);
  launch.process = process_from_json(json.at("process"));
  json.at("attach").get_to(launch.attach);
  json.at("extra_env").get_to(launch.extra_env);
  return launch;
}

} // namespace

Result<void> check(const LaunchSpec& spec) {
  const api::ProcessConfig& process = spec.process;
  if (process.command.empty() || process.command.front().empty()) {
    return fail(ErrorCode::invalid, "no command was given");
  }
  for (const std::string& argument : process.command) {
    TRY_VOID(check_no_nul("an argument of the command", argument));
  }
  TRY_VOID(check_environment(spec.extra_env));
  TRY_VOID(check_environment(process.env));
  TRY_VOID(check_no_nul("the working directory", process.workdir));
  if (!process.workdir.empty() && process.workdir.front() != '/') {
    return fail(ErrorCode::invalid, "working directory '{}' is not an absolute path",
                process.workdir);
  }
  if (auto user = UserSpec::from(process.user); !user) {
    return Failure(std::move(user).error());
  }
  if (auto capabilities = capability_set(process.cap_add, process.privileged); !capabilities) {
    return Failure(std::move(capabilities).error());
  }
  TRY_VOID(check_no_nul("the hostname", spec.hostname));
  if (spec.hostname.size() > kMaxHostname) {
    return fail(ErrorCode::invalid, "hostname '{}' is longer than {} bytes", spec.hostname,
                kMaxHostname);
  }
  return {};
}

Result<std::string> to_json(const ShimSpec& spec) {
  const Json json{{"launch", launch_to_json(spec.launch)},
                  {"mode", spec.mode == Mode::exec ? "exec" : "run"},
                  {"socket_name", spec.socket_name},
                  {"netns_fd", spec.netns_fd},
                  {"target_fd", spec.target_fd}};
  try {
    return json.dump();
  } catch (const Json::exception& error) {
    return fail(ErrorCode::invalid, "the command, its environment or a path is not UTF-8: {}",
                error.what());
  }
}

Result<ShimSpec> spec_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    ShimSpec spec;
    spec.launch = launch_from_json(json.at("launch"));
    const auto mode = json.at("mode").get<std::string>();
    if (mode != "run" && mode != "exec") {
      return fail(ErrorCode::invalid, "supervisor's orders: mode '{}' is neither run nor exec",
                  mode);
    }
    spec.mode = mode == "exec" ? Mode::exec : Mode::run;
    json.at("socket_name").get_to(spec.socket_name);
    json.at("netns_fd").get_to(spec.netns_fd);
    json.at("target_fd").get_to(spec.target_fd);
    return spec;
  } catch (const Json::exception& error) {
    return fail(ErrorCode::invalid, "supervisor's orders: {}", error.what());
  }
}

} // namespace ebpfnet::shim
