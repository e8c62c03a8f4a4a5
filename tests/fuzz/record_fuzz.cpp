// Documents of the state database: the first line is the kind, the rest is the JSON. What is
// accepted is written as it was read, and gives addresses of its own subnets only.
#include "daemon/network/model.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::network {
namespace {

void demand_addresses(const Network& network) {
  for (const ipam::SubnetPlan& plan : network.plan.subnets) {
    DEMAND(plan.subnet.contains(plan.range));
    DEMAND(!plan.gateway || plan.subnet.contains(*plan.gateway));
    for (const auto& [name, address] : plan.aux) {
      DEMAND(plan.subnet.contains(address));
    }
  }
  for (int i = 0; i < 3; ++i) {
    if (const auto address = network.allocator->request(ipam::Family::v4)) {
      bool ours = false;
      for (const ipam::SubnetPlan& plan : network.plan.subnets) {
        ours = ours || (plan.range.contains(*address) && plan.gateway != *address);
      }
      DEMAND(ours);
      DEMAND(!network.allocator->request_exact(*address));
    }
  }
}

void demand_whole(const Network& network) {
  demand_addresses(network);
}
void demand_whole(const Endpoint&) {}
void demand_whole(const Sandbox& sandbox) {
  for (const api::PortSpec& spec : sandbox.ports) {
    DEMAND(fuzz::gives(api::PortSpec::from(spec.to_string()), spec));
  }
}

template <auto From> void read(const Json& document) {
  const auto object = From("0123", document);
  if (!object) {
    return fuzz::demand_story(object);
  }
  const Json written = to_document(**object);
  const auto again = From("0123", written);
  DEMAND(again && to_document(**again) == written);
  demand_whole(**object);
}

} // namespace
} // namespace ebpfnet::network

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ebpfnet;
  const auto text = fuzz::text_of(data, size);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) {
    return -1;
  }
  const auto kind = text.substr(0, end);
  const auto document = network::Json::parse(text.substr(end + 1), nullptr, false);
  if (document.is_discarded()) {
    return -1; // the store itself refuses it
  }
  if (kind == "network") {
    network::read<network::network_from_document>(document);
  } else if (kind == "endpoint") {
    network::read<network::endpoint_from_document>(document);
  } else if (kind == "sandbox") {
    network::read<network::sandbox_from_document>(document);
  }
  return 0;
}
