// Starts the command of a sandbox: a child of the supervisor that enters cgroup and namespaces,
// gives up privileges and becomes the command. Every failure on that way comes back as an Error.
#pragma once

#include "daemon/shim/spec.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::shim {

struct Stdio {
  UniqueFd in, out, err;
  bool terminal =
      false; // the three are a terminal's slave side, which becomes the controlling terminal
};

// Returns the pid when the command has been exec'd. `cgroup_procs` from open_cgroup_procs. The
// command dies with the calling process (PR_SET_PDEATHSIG), as long as it does not change its user
// itself. Errors: no_command, not_executable; "run 'foo': user 'bar' does not exist".
Result<pid_t> start_command(const ShimSpec& spec, const UniqueFd& cgroup_procs, const Stdio& stdio);

// PATH, HOSTNAME, HOME and TERM where missing, then extra_env, then process.env; a later value
// wins, the first place stays.
std::vector<std::string> build_environment(const LaunchSpec& spec, const std::string& home,
                                           const std::string& hostname);

// How one Error travels through a pipe.
std::string encode_error(const Error& error);
Error decode_error(std::string_view text);

} // namespace ebpfnet::shim
