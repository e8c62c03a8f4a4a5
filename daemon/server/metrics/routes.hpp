// What a Prometheus server asks for: GET /metrics, in the text format 0.0.4.
#pragma once

#include <functional>
#include <string>

#include "daemon/server/router.hpp"
#include "maps/types/error.hpp"

namespace ebpfnet::server {

// `text` makes one scrape; it is called on worker threads and must outlive the server that uses the
// router.
Router metrics_routes(std::function<Result<std::string>()> text);

} // namespace ebpfnet::server
