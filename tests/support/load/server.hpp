// Sends back what comes, over TCP and UDP on one port, until it is asked to stop.
#pragma once

#include <csignal>
#include <cstdint>

namespace ebpfnet::load {

void serve(std::uint16_t port, const volatile std::sig_atomic_t& stop);

} // namespace ebpfnet::load
