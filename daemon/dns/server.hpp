// The DNS server behind 127.0.0.11: answers the queries of every sandbox on sockets that were
// opened in its namespace, from the registry or by asking other servers. All work happens on one
// event loop and nothing there ever blocks, so a dead server on the network delays nobody but who
// asked for it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "daemon/dns/tally.hpp"
#include "daemon/dns/view.hpp"
#include "daemon/services/registry.hpp"
#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace boost::asio {
class io_context;
}

namespace ebpfnet::dns {

// Bounds of what one sandbox may use, and of patience. Docker's values, where it has them.
struct Limits {
  std::chrono::milliseconds server_timeout{4000}; // for one server to answer one query
  std::chrono::milliseconds idle_timeout{10000};  // of a client's TCP connection, between messages
  std::size_t max_servers = 3;                    // asked in turn for one query
  std::size_t max_forwards = 1024;                // outstanding; more get REFUSED
  std::size_t max_connections = 32;               // TCP; more are closed at once
  std::size_t max_unsent = 256 * 1024;            // bytes of replies a TCP client may leave unread
};

// Opens a socket (as socket(2), flags aside) in the sandbox's namespace. Called on a thread of the
// server's own, one call at a time; may block for moments, and must not call the server.
using OpenSocket = std::function<Result<UniqueFd>(int domain, int type)>;

struct SandboxDns {
  std::string id;
  UniqueFd udp; // bound in the sandbox's namespace
  UniqueFd tcp; // bound and listening there
  SandboxView view;
  OpenSocket open_socket_inside; // for the upstreams that are not from_host_namespace
};

class Server {
public:
  // `registry` must outlive `loop`; the server must be destroyed before `loop`, after the last run
  // of it.
  Server(boost::asio::io_context& loop, const services::Registry& registry, Limits limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // These may be called from any thread and take effect in the order of the calls.

  // Starts to serve. Refuses an id that is being served (conflict) and descriptors that are not a
  // bound UDP socket and a listening TCP socket (invalid).
  Result<void> add_sandbox(SandboxDns sandbox);
  // Replaces what is known about a sandbox; unknown ids are ignored. Queries under way end under
  // the old view.
  void update_sandbox(const std::string& id, SandboxView view);
  // Closes every socket of a sandbox, also those of queries under way; unknown ids are ignored.
  void remove_sandbox(const std::string& id);

  // What became of the queries so far.
  Tally::Counts tally() const;

private:
  struct Core;
  std::shared_ptr<Core> core_;
};

} // namespace ebpfnet::dns
