// What the server needs from the layer that decides. Calls may block; the server makes each on a
// thread of its own. Replies are JSON documents in Docker's shape, so that people and tools
// recognise them (docs/cli.md).
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/api/requests.hpp"
#include "maps/types/error.hpp"

namespace ebpfnet::server {

using Json = nlohmann::json;
// Filters as Docker has them: {"name": ["a", "b"], "driver": ["bridge"]}.
using Filters = std::map<std::string, std::vector<std::string>>;
// Receives output as it comes; returns false when the client is gone.
using Sink = std::function<bool(std::string_view)>;

class Backend {
public:
  virtual ~Backend() = default;

  virtual Result<Json> network_create(const api::NetworkCreate& request) = 0; // {"Id"}
  virtual Result<Json> network_list(const Filters& filters) = 0;              // [network object]
  virtual Result<Json> network_inspect(const std::string& ref) = 0;           // network object
  virtual Result<Json> network_remove(const std::string& ref) = 0;            // {"Id", "Name"}
  virtual Result<Json> network_prune(const Filters& filters) = 0; // {"NetworksDeleted": [name]}
  virtual Result<Json> network_connect(const std::string& ref,
                                       const api::NetworkConnect& request) = 0; // {}
  virtual Result<Json> network_disconnect(const std::string& ref,
                                          const api::NetworkDisconnect& request) = 0; // {}

  virtual Result<Json>
  sandbox_create(const api::SandboxCreate& request) = 0; // {"Id", "Name", "AttachSocket"?}
  virtual Result<Json> sandbox_list(bool all, const Filters& filters) = 0; // [sandbox summary]
  virtual Result<Json> sandbox_inspect(const std::string& ref) = 0;        // sandbox object
  virtual Result<Json>
  sandbox_start(const std::string& ref,
                const api::SandboxStart& request) = 0; // {"Id", "AttachSocket"?}
  virtual Result<Json> sandbox_stop(const std::string& ref,
                                    const api::SandboxStop& request) = 0; // {"Id", "Name"}
  virtual Result<Json> sandbox_restart(const std::string& ref, const api::SandboxStop& request) = 0;
  virtual Result<Json> sandbox_kill(const std::string& ref, const api::SandboxKill& request) = 0;
  // Returns when the process has ended (`until_removed`: and the sandbox is gone,
  // if it goes by itself),
  // {"StatusCode"}; `alive` is asked about once a second whether the client is still there, and the
  // wait ends with an error when it is not.
  virtual Result<Json> sandbox_wait(const std::string& ref, bool until_removed,
                                    const std::function<bool()>& alive) = 0;
  virtual Result<Json> sandbox_remove(const std::string& ref, bool force) = 0; // {"Id", "Name"}
  virtual Result<Json> sandbox_exec(const std::string& ref,
                                    const api::SandboxExec& request) = 0; // {"Id", "AttachSocket"}
  virtual Result<void> sandbox_logs(const std::string& ref, bool follow, const Sink& sink) = 0;
  virtual Result<Json> sandbox_publish(const std::string& ref, const api::PortSpec& spec) = 0; // {}
  virtual Result<Json> sandbox_unpublish(const std::string& ref,
                                         const api::PortSpec& spec) = 0; // {}

  virtual Result<Json> status(bool verify) = 0;
  virtual Result<Json> version() = 0;
};

} // namespace ebpfnet::server
