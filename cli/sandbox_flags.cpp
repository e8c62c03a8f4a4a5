// Declares the shared flags and turns them into requests: see sandbox_flags.hpp.
#include "cli/sandbox_flags.hpp"

#include <cstdlib>

#include "cli/endpoint_spec.hpp"

namespace ebpfnet::cli {
namespace {

// Fields that the first network got from flags and must not have from its long form too.
Result<void> merge_first(Context& context, const api::EndpointConfig& flags,
                         api::EndpointConfig& endpoint) {
  auto merge = [&](const char* flag, const auto& from, auto& to) -> Result<void> {
    if (!from.empty() && !to.empty()) {
      return context.usage(
          fmt::format("{} and the same field of --network cannot both be given", flag));
    }
    to = from.empty() ? to : from;
    return {};
  };
  TRY_VOID(merge("--ip", flags.ipv4, endpoint.ipv4));
  TRY_VOID(merge("--ip6", flags.ipv6, endpoint.ipv6));
  TRY_VOID(merge("--mac-address", flags.mac, endpoint.mac));
  return merge("--network-alias", flags.aliases, endpoint.aliases);
}

bool has_any(const api::EndpointConfig& flags) {
  return !flags.ipv4.empty() || !flags.ipv6.empty() || !flags.mac.empty() || !flags.aliases.empty();
}

Result<void> set_mode(Context& context, const SandboxFlags& flags, const std::string& mode,
                      api::SandboxCreate& request) {
  if (flags.networks.size() > 1) {
    return context.usage(fmt::format("--network {} cannot be combined with another network", mode));
  }
  if (has_any(flags.first)) {
    return context.usage(fmt::format("--network {} has no address or alias of its own", mode),
                         "leave out --ip, --ip6, --mac-address and --network-alias");
  }
  request.network_mode = mode;
  return {};
}

Result<void> set_networks(Context& context, const SandboxFlags& flags,
                          api::SandboxCreate& request) {
  for (const std::string& text : flags.networks) {
    if (is_network_mode(text)) {
      return set_mode(context, flags, text, request);
    }
    request.networks.push_back(TRY(context.typed(parse_endpoint(text))));
  }
  if (!has_any(flags.first)) {
    return {};
  }
  if (request.networks.empty()) {
    request.networks.push_back({.network = "bridge"});
  }
  return merge_first(context, flags.first, request.networks.front());
}

} // namespace

void add_sandbox_flags(Arguments& arguments, SandboxFlags& flags) {
  // -h is Docker's short form of --hostname.
  arguments.set_long_help_flag();
  arguments
      .add_repeated("--network,--net", flags.networks,
                    "Join NETWORK; also name=NET,alias=A,ip=IP,..., host, none, container:SANDBOX")
      .type_name("NETWORK");
  arguments.add_option("--ip", flags.first.ipv4, "IPv4 address on the first network")
      .type_name("IP");
  arguments.add_option("--ip6", flags.first.ipv6, "IPv6 address on the first network")
      .type_name("IP");
  arguments.add_option("--mac-address", flags.first.mac, "MAC address on the first network")
      .type_name("MAC");
  arguments
      .add_repeated("--network-alias,--net-alias", flags.first.aliases,
                    "Further name on the first network")
      .type_name("NAME");
  arguments
      .add_repeated("-p,--publish", flags.ports,
                    "Publish [HOSTIP:][HOSTPORT[-END]:]PORT[-END][/tcp|udp]")
      .type_name("SPEC");
  arguments.add_flag("-P,--publish-all", flags.rest.publish_all, "Publish all exposed ports");
  arguments.add_repeated("--dns", flags.rest.dns, "Name server for names that are not ours")
      .type_name("IP");
  arguments.add_repeated("--dns-search", flags.rest.dns_search, "Search domain")
      .type_name("DOMAIN");
  arguments.add_repeated("--dns-option,--dns-opt", flags.rest.dns_options, "Resolver option")
      .type_name("OPTION");
  arguments.add_option("-h,--hostname", flags.rest.hostname, "Host name inside the sandbox")
      .type_name("NAME");
  arguments.add_repeated("--add-host", flags.rest.extra_hosts, "Line for /etc/hosts")
      .type_name("NAME:IP");
  arguments.add_repeated("-l,--label", flags.labels, "Label of the sandbox").type_name("K=V");
}

Result<api::SandboxCreate> to_request(Context& context, const SandboxFlags& flags) {
  api::SandboxCreate request = flags.rest;
  TRY_VOID(set_networks(context, flags, request));
  for (const std::string& text : flags.ports) {
    request.ports.push_back(TRY(context.typed(api::PortSpec::from(text))));
  }
  request.labels = TRY(parse_pairs(context, "--label", flags.labels));
  return request;
}

void add_process_flags(Arguments& arguments, ProcessFlags& flags) {
  arguments
      .add_repeated("-e,--env", flags.env,
                    "Environment variable; K alone takes the value from here")
      .type_name("K=V");
  arguments.add_flag("-i,--interactive", flags.process.interactive, "Keep standard input open");
  arguments.add_flag("-t,--tty", flags.process.tty, "Give the process a terminal");
  arguments.add_option("-u,--user", flags.process.user, "User name or id, optionally :GROUP")
      .type_name("USER");
  arguments.add_option("-w,--workdir", flags.process.workdir, "Working directory").type_name("DIR");
  arguments.add_flag("--privileged", flags.process.privileged, "Give the process every capability");
}

Result<api::ProcessConfig> to_process(Context& context, const ProcessFlags& flags) {
  api::ProcessConfig process = flags.process;
  if (context.command.empty()) {
    return context.usage("the command to run is missing", "write it last: ... -- COMMAND [ARG...]");
  }
  process.command = context.command;
  for (const std::string& text : flags.env) {
    std::size_t equals = text.find('=');
    if (text.empty() || equals == 0) {
      return context.usage(fmt::format("--env '{}': the name is missing", text),
                           "write NAME=VALUE");
    }
    if (equals != std::string::npos) {
      process.env.push_back(text);
    } else if (const char* value = std::getenv(text.c_str())) {
      process.env.push_back(text + "=" + value);
    }
  }
  return process;
}

} // namespace ebpfnet::cli
