#include "daemon/network/verify.hpp"

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/network/bridge/records.hpp"
#include "daemon/network/sandbox_network.hpp"
#include "maps/view/convert.hpp"

namespace ebpfnet::network {
namespace {

struct Expected {
  std::string what; // "bridge ebn... of network 'catnet'"
  IfIndex device;
  std::string alias;
};

std::vector<Expected> expected_devices(const Context& context) {
  std::vector<Expected> out;
  for (const auto& [id, network] : context.registry.networks) {
    if (!network->bridge.empty() && !network->removing) {
      out.push_back({fmt::format("bridge {} of network '{}'", network->bridge, network->name),
                     bridge::bridge_ifindex(network->index), context.device_alias("network", id)});
    }
  }
  for (const auto& [id, sandbox] : context.registry.sandboxes) {
    for (const auto& endpoint : sandbox->endpoints) {
      if (endpoint->connected && sandbox->ready) {
        out.push_back({fmt::format("device {} of sandbox '{}'", endpoint->ifname, sandbox->name),
                       bridge::veth_ifindex(endpoint->slot),
                       context.device_alias("endpoint", endpoint->id)});
      }
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::filesystem::path>>
expected_namespaces(const Context& context) {
  std::vector<std::pair<std::string, std::filesystem::path>> out;
  for (const auto& [id, sandbox] : context.registry.sandboxes) {
    if (sandbox->ready && owns_namespace(*sandbox)) {
      out.emplace_back(sandbox->name, context.netns_path(id));
    }
  }
  return out;
}

} // namespace

Result<std::vector<std::string>> verify_kernel(Context& context) {
  std::vector<Expected> devices;
  std::vector<std::pair<std::string, std::filesystem::path>> namespaces;
  {
    const auto lock = context.registry.lock();
    devices = expected_devices(context);
    namespaces = expected_namespaces(context);
  }
  std::vector<std::string> problems;
  auto socket = TRY(netlink::Socket::open());
  for (const auto& [what, device, alias] : devices) {
    const auto link = TRY(netlink::find_link(socket, device));
    if (!link) {
      problems.push_back(what + " is missing");
      continue;
    }
    if (link->alias != alias || !link->up) {
      problems.push_back(
          fmt::format("{} {}", what, link->up ? "belongs to somebody else" : "is down"));
    }
    const bool veth = device.value >= EBN_VETH_IFINDEX_BASE;
    if (veth && !TRY(context.plane.serves_container(device))) {
      problems.push_back(what + " has no program");
    }
    if (veth) {
      const auto record =
          TRY(context.plane.maps().endpoints.get(device.value - EBN_VETH_IFINDEX_BASE));
      if (!record || record->network == 0) {
        problems.push_back(what + " has no record in the map of endpoints");
      }
    }
  }
  for (const auto& [name, path] : namespaces) {
    if (!netlink::open_netns(path)) {
      problems.push_back(fmt::format("the network namespace of sandbox '{}' is missing", name));
    }
  }
  return problems;
}

} // namespace ebpfnet::network
