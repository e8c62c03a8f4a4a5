// What the daemon tells a supervisor to run, and its JSON form. Checked before anything is made, so
// that a wrong request costs nothing.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/requests.hpp"
#include "maps/types/error.hpp"

namespace ebpfnet::shim {

struct LaunchSpec {
  std::string id;                    // of the sandbox
  std::filesystem::path shim_binary; // ebpfnet-shim
  std::filesystem::path run_dir;     // RUN_DIR/sandboxes/<id>: lost at reboot; must exist
  std::filesystem::path state_dir;   // STATE_DIR/sandboxes/<id>: durable; must exist
  std::filesystem::path netns_path;  // empty: the caller's own network namespace ("host" mode)
  std::filesystem::path
      cgroup_dir;       // cgroup2 directory; made here, removed when the command has ended
  std::string hostname; // empty: the host's
  std::filesystem::path
      resolv_conf; // these three are bound over /etc/...; empty: the host's own. Write to them
  std::filesystem::path hosts; // in place: a file that is renamed over them is not seen inside
  std::filesystem::path hostname_file;
  bool hide_resolvers = false; // hide the sockets of nscd and systemd-resolved
  api::ProcessConfig process;
  bool attach = false;                // start the command when a client has sent its stdio
  std::vector<std::string> extra_env; // "K=V", weaker than process.env
};

enum class Mode { run, exec };

// What travels to the supervisor: the request, and the numbers of the fds that come with it (-1:
// none).
struct ShimSpec {
  LaunchSpec launch;
  Mode mode = Mode::run;
  std::string socket_name; // of the attach socket in run_dir; empty: not attached
  int netns_fd = -1;
  int target_fd = -1; // pidfd of the process whose mount and UTS namespaces are joined (exec)
};

// Refuses, by name, what cannot be run: an empty command, NUL bytes, malformed env, user,
// capability or hostname.
Result<void> check(const LaunchSpec& spec);

// Strings must be UTF-8 (they came by JSON).
Result<std::string> to_json(const ShimSpec& spec);
Result<ShimSpec> spec_from_json(std::string_view text);

} // namespace ebpfnet::shim
