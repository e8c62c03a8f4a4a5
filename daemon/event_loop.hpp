// The daemon's event loop and its pool of threads, as the service layer wants them.
#pragma once

#include <boost/asio/io_context.hpp>

#include "daemon/network/service.hpp"
#include "daemon/server/worker_pool.hpp"

namespace ebpfnet {

// Work is handed to the pool; descriptors and timers wait on the loop. Both must outlive what the
// scheduler was given.
network::Scheduler make_scheduler(boost::asio::io_context& loop, server::WorkerPool& pool);

// Calls `changed` on the pool, one call at a time, when interfaces, addresses or routes of the host
// changed. Those of the daemon's own devices do not count, but for their addresses.
Result<void> follow_host(boost::asio::io_context& loop, server::WorkerPool& pool,
                         std::function<void()> changed);

} // namespace ebpfnet
