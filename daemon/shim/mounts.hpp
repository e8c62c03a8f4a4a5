// What a sandbox's process sees of the file system: the host's, with its own resolv.conf, hosts and
// hostname, no local resolver daemons, and a /sys of its own network namespace.
#pragma once

#include "daemon/shim/spec.hpp"

namespace ebpfnet::shim {

// Must run in a fresh mount namespace, inside the sandbox's network namespace (sysfs shows the one
// it is mounted in). Needs CAP_SYS_ADMIN. /etc is covered as a whole (overlay, upper layer in
// memory) when one of the three files is given: a bind mount on the host's own file would vanish
// when the host replaces that file, and a symlink or an absent file has nothing to mount on. What a
// sandbox writes in /etc is therefore private and gone with it.
Result<void> build_mounts(const LaunchSpec& spec);

enum class EtcCover { overlay, mirror };
// The part for /etc. `mirror` is the fallback where overlay cannot be mounted: a tmpfs with every
// entry bound into it.
Result<void> cover_etc(const LaunchSpec& spec, EtcCover method);

} // namespace ebpfnet::shim
