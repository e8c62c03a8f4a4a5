// The native API (docs/cli.md): one row per request, from method and path to the Backend call that
// answers it.
#pragma once

#include "daemon/server/backend.hpp"
#include "daemon/server/router.hpp"

namespace ebpfnet::server {

// `backend` must outlive the server that uses the router.
Router native_routes(Backend& backend);

} // namespace ebpfnet::server
