// The daemon's settings: flags of the command line, keys of the TOML file named by --config,
// defaults. A flag wins over the file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "daemon/network/context.hpp"
#include "maps/types/socket_address.hpp"

namespace ebpfnet {

struct Config {
  network::Options network;
  std::string log_level = "info";
  std::string log_format = "text";
  std::optional<SocketAddress> metrics_listen; // none: metrics are not served
  bool purge = false;
};

// Errors: unknown or malformed flags and keys. `exit_code` is set when nothing is to be run:
// --help, --version (0), or a usage error (2); the text was printed then.
Result<Config> load_config(int argc, char** argv, int& exit_code);

} // namespace ebpfnet
