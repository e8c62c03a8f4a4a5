// The orders of a supervisor: what it accepts is written as it was read, and what passes the check
// can be handed to the kernel.
#include "daemon/shim/spec.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::shim {
namespace {

void demand_runnable(const LaunchSpec& launch) {
  DEMAND(!launch.process.command.empty());
  for (const std::string& word : launch.process.command) {
    DEMAND(!fuzz::has_nul(word));
  }
  for (const auto& list : {launch.extra_env, launch.process.env}) {
    for (const std::string& entry : list) {
      DEMAND(!fuzz::has_nul(entry) && entry.find('=') != std::string::npos && entry[0] != '=');
    }
  }
  DEMAND(launch.process.workdir.empty() || launch.process.workdir[0] == '/');
  DEMAND(!fuzz::has_nul(launch.process.workdir) && !fuzz::has_nul(launch.hostname));
  DEMAND(launch.hostname.size() <= 64);
}

} // namespace
} // namespace ebpfnet::shim

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ebpfnet;
  const auto spec = shim::spec_from_json(fuzz::text_of(data, size));
  if (!spec) {
    fuzz::demand_story(spec);
    return 0;
  }
  const auto written = shim::to_json(*spec);
  DEMAND(written);
  const auto again = shim::spec_from_json(*written);
  DEMAND(again && fuzz::gives(shim::to_json(*again), *written));
  if (shim::check(spec->launch)) {
    shim::demand_runnable(spec->launch);
  }
  return 0;
}
