// The daemon's TOML file. What is accepted is a configuration that the daemon can run with: ports
// within their limits, and words and paths without hidden parts.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/config.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet {
namespace {

// The text as a file that no disk sees, and its name.
const std::string& file_of(std::string_view text) {
  static const int fd = ::memfd_create("config", MFD_CLOEXEC);
  static const std::string name = "/proc/self/fd/" + std::to_string(fd);
  DEMAND(fd >= 0);
  DEMAND(::ftruncate(fd, 0) == 0);
  DEMAND(::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return name;
}

Result<Config> load(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  int exit_code = 0;
  return load_config(static_cast<int>(arguments.size()), arguments.data(), exit_code);
}

void demand_usable(const Config& config) {
  DEMAND(config.network.masq_first >= 1024 &&
         config.network.masq_first <= config.network.masq_last);
  for (const auto& path : {config.network.state_dir, config.network.run_dir, config.network.bpffs,
                           config.network.cgroup_root}) {
    DEMAND(path.is_absolute() && !fuzz::has_nul(path.native()));
  }
  for (const std::string& uplink : config.network.uplinks) {
    DEMAND(!fuzz::has_nul(uplink));
  }
  DEMAND(config.log_format == "text" || config.log_format == "json");
  if (config.metrics_listen) {
    DEMAND(fuzz::gives(SocketAddress::from(config.metrics_listen->to_string()),
                       *config.metrics_listen));
    DEMAND(config.metrics_listen->port < config.network.masq_first ||
           config.metrics_listen->port > config.network.masq_last);
  }
}

} // namespace
} // namespace ebpfnet

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ebpfnet;
  const auto& file = file_of(fuzz::text_of(data, size));
  const auto config = load({"ebpfnetd", "--config", file});
  if (!config) {
    fuzz::demand_story(config);
    return 0;
  }
  demand_usable(*config);
  // A flag wins over the file.
  const auto flagged = load({"ebpfnetd", "--config", file, "--masquerade-ports", "50000-50001",
                             "--metrics-listen", "127.0.0.1:9464"});
  DEMAND(flagged && flagged->network.masq_first == 50000 && flagged->network.masq_last == 50001);
  return 0;
}
