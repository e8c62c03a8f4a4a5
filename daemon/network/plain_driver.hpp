// The networks `host` and `none`: they exist by name, and a sandbox on them has no endpoint to be
// made.
#pragma once

#include "daemon/network/driver.hpp"

namespace ebpfnet::network {

class PlainDriver final : public Driver {
public:
  Result<void> validate(const Context&, Network&) const override { return {}; }
  Result<void> setup(Context&, const Network&) const override { return {}; }
  Result<void> teardown(Context&, const Network&) const override { return {}; }
  Result<void> join(Context&, const Network&, const Sandbox&, const Endpoint&, int) const override {
    return {};
  }
  Result<void> leave(Context&, const Network&, const Endpoint&) const override { return {}; }
};

} // namespace ebpfnet::network
