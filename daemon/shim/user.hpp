// Who a command runs as: the "name|uid[:group|gid]" of the command line, resolved against the user
// database that the sandbox sees. Docker's rules: a uid needs no entry, a name does.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "maps/types/error.hpp"

namespace ebpfnet::shim {

struct UserSpec {
  std::string user;  // empty: root
  std::string group; // empty: the user's own groups
  // Refuses "a:b:c", ":" and NUL bytes.
  static Result<UserSpec> from(std::string_view text);
};

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups; // supplementary
  std::string home = "/";
};

// Reads the user database (getpwnam and friends; not thread-safe). Errors: "user 'bar' does not
// exist".
Result<Identity> resolve_user(const UserSpec& spec);

} // namespace ebpfnet::shim
