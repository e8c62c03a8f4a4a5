#include "daemon/network/bridge/bridge_driver.hpp"
#include "daemon/network/driver.hpp"
#include "daemon/network/plain_driver.hpp"

namespace ebpfnet::network {
namespace {

const bridge::BridgeDriver kBridge;
const PlainDriver kPlain;

const DriverRow kDrivers[] = {
    {"bridge", &kBridge, true}, {"host", &kPlain, false},   {"null", &kPlain, false},
    {"overlay", nullptr, true}, {"macvlan", nullptr, true}, {"ipvlan", nullptr, true},
};

} // namespace

std::span<const DriverRow> driver_table() {
  return kDrivers;
}

Result<const Driver*> find_driver(std::string_view name) {
  for (const DriverRow& row : kDrivers) {
    if (row.name != name) {
      continue;
    }
    if (row.driver == nullptr) {
      return Failure(Error{ErrorCode::unsupported, 0,
                           fmt::format("the driver '{}' is not built yet", name),
                           "this release has the driver 'bridge'"});
    }
    return row.driver;
  }
  return Failure(Error{ErrorCode::invalid, 0, fmt::format("unknown network driver '{}'", name),
                       "this release has the driver 'bridge'"});
}

} // namespace ebpfnet::network
