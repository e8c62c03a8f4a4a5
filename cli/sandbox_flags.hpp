// The flags that `run` and `sandbox create` share: networks, ports, names. And those of a process,
// which `run` and `exec` share.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "daemon/api/requests.hpp"

namespace ebpfnet::cli {

struct SandboxFlags {
  std::vector<std::string> networks;
  api::EndpointConfig first; // --ip, --ip6, --mac-address, --network-alias: for the first network
  std::vector<std::string> ports;
  api::SandboxCreate rest; // what needs no parsing
  std::vector<std::string> labels;
};
void add_sandbox_flags(Arguments& arguments, SandboxFlags& flags);
// Refuses what does not fit together or cannot be parsed, as wrong usage.
Result<api::SandboxCreate> to_request(Context& context, const SandboxFlags& flags);

struct ProcessFlags {
  api::ProcessConfig process;
  std::vector<std::string> env;
};
void add_process_flags(Arguments& arguments, ProcessFlags& flags);
// Takes the command from the context. "-e NAME" brings the value of this environment, or nothing
// when it is not set.
Result<api::ProcessConfig> to_process(Context& context, const ProcessFlags& flags);

} // namespace ebpfnet::cli
