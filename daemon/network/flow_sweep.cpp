#include "daemon/network/flow_sweep.hpp"

namespace ebpfnet::network {
namespace {

Result<void> sweep(view::MapView<ebn_flow_key, ebn_flow>& flows, SandboxIndex sandbox) {
  for (const ebn_flow_key& key : TRY(flows.keys())) {
    if (key.sandbox == sandbox.value) {
      TRY_VOID(flows.remove(key));
    }
  }
  return {};
}

} // namespace

Result<void> remove_flows_of(view::Maps& maps, SandboxIndex sandbox) {
  TRY_VOID(sweep(maps.flows, sandbox));
  TRY_VOID(sweep(maps.new_flows, sandbox));
  for (const ebn_masq_key& key : TRY(maps.masq_ports.keys())) {
    const auto reserved = TRY(maps.masq_ports.get(key));
    if (reserved && reserved->flow.sandbox == sandbox.value) {
      TRY_VOID(maps.masq_ports.remove(key));
    }
  }
  return maps.sandbox_flows.put(sandbox.value, 0);
}

} // namespace ebpfnet::network
