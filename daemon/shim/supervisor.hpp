// The life of one supervisor: prepare, start the command, relay and wait, end what is left, write
// down how it ended.
#pragma once

#include "daemon/shim/spec.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::shim {

// Runs to the end. `launcher` is the SEQPACKET socket on which `launch` waits: a `started` with b =
// own pid and a = -1 when the supervisor is up, then `started` (a = pid, 0 when it waits for a
// client) or `failed`. The caller is single- threaded, has no other children and is its own
// session.
void supervise(const ShimSpec& spec, UniqueFd launcher);

} // namespace ebpfnet::shim
