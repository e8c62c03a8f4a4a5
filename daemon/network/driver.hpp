// What a network driver does. One driver per kind of network; each is one row in the table of
// driver_registry.cpp. Drivers make and remove kernel state from records that the service layer
// planned; they neither decide on names nor on addresses. Every call is idempotent, so that
// reconciling at start is calling it again.
#pragma once

#include <span>
#include <string_view>

#include "daemon/network/context.hpp"

namespace ebpfnet::network {

class Driver {
public:
  virtual ~Driver() = default;

  // Refuses options and flags that the driver does not have, and fills what the record needs
  // (bridge name, MTU).
  virtual Result<void> validate(const Context& context, Network& network) const = 0;
  virtual Result<void> setup(Context& context, const Network& network) const = 0;
  virtual Result<void> teardown(Context& context, const Network& network) const = 0;
  // Puts the endpoint's device into the namespace and makes it known to the data plane.
  virtual Result<void> join(Context& context, const Network& network, const Sandbox& sandbox,
                            const Endpoint& endpoint, int netns) const = 0;
  virtual Result<void> leave(Context& context, const Network& network,
                             const Endpoint& endpoint) const = 0;
};

struct DriverRow {
  std::string_view name;
  const Driver* driver; // nullptr: not built yet, refused by name
  bool user_creatable;  // false: only the predefined network of this kind exists
};

std::span<const DriverRow> driver_table();
// Errors: unknown driver, or one that is not built yet.
Result<const Driver*> find_driver(std::string_view name);

} // namespace ebpfnet::network
