// Bridge networks: a Linux bridge for what must be flooded and for the gateway address, a veth pair
// per endpoint with the data plane's programs on its host side.
#pragma once

#include "daemon/network/driver.hpp"

namespace ebpfnet::network::bridge {

class BridgeDriver final : public Driver {
public:
  Result<void> validate(const Context& context, Network& network) const override;
  Result<void> setup(Context& context, const Network& network) const override;
  Result<void> teardown(Context& context, const Network& network) const override;
  Result<void> join(Context& context, const Network& network, const Sandbox& sandbox,
                    const Endpoint& endpoint, int netns) const override;
  Result<void> leave(Context& context, const Network& network,
                     const Endpoint& endpoint) const override;
};

} // namespace ebpfnet::network::bridge
