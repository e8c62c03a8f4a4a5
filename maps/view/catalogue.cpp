#include "maps/view/catalogue.hpp"

namespace ebpfnet::view {
namespace {

Result<UniqueFd> open_pin(const std::filesystem::path& directory, const char* name) {
  UniqueFd fd(::bpf_obj_get((directory / name).c_str()));
  if (!fd) {
    return fail_errno(errno, "open the pinned map '{}'", (directory / name).string());
  }
  return fd;
}

template <class View>
Result<void> open_view(const std::filesystem::path& directory, const char* name, View& out) {
  out = View(name, TRY(open_pin(directory, name)));
  return {};
}

} // namespace

Result<std::unique_ptr<Maps>> Maps::open(const std::filesystem::path& directory) {
  auto maps = std::make_unique<Maps>();
  TRY_VOID(open_view(directory, "endpoints", maps->endpoints));
  TRY_VOID(open_view(directory, "destinations", maps->destinations));
  TRY_VOID(open_view(directory, "networks", maps->networks));
  TRY_VOID(open_view(directory, "networks6", maps->networks6));
  TRY_VOID(open_view(directory, "subnets", maps->subnets));
  TRY_VOID(open_view(directory, "flows", maps->flows));
  TRY_VOID(open_view(directory, "new_flows", maps->new_flows));
  TRY_VOID(open_view(directory, "masq_ports", maps->masq_ports));
  TRY_VOID(open_view(directory, "fragments", maps->fragments));
  TRY_VOID(open_view(directory, "sandbox_flows", maps->sandbox_flows));
  TRY_VOID(open_view(directory, "published", maps->published));
  TRY_VOID(open_view(directory, "uplinks", maps->uplinks));
  TRY_VOID(open_view(directory, "host_addrs", maps->host_addrs));
  TRY_VOID(open_view(directory, "host_peers", maps->host_peers));
  TRY_VOID(open_view(directory, "clock_flows", maps->clock_flows));
  TRY_VOID(open_view(directory, "clock_ports", maps->clock_ports));
  maps->port_index = TRY(PortIndex::open(TRY(open_pin(directory, "port_index"))));
  maps->counters = TRY(Counters::open(TRY(open_pin(directory, "counters"))));
  return maps;
}

} // namespace ebpfnet::view
