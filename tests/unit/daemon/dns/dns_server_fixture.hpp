// A DNS server with one sandbox on 127.0.0.1, and clients that ask it.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio.hpp>
#include <optional>

#include "daemon/dns/server.hpp"
#include "dns_sockets.hpp"

namespace ebpfnet::dns::testing {

using namespace std::chrono_literals;

class DnsServer : public ::testing::Test {
protected:
  void start(Limits limits = quick()) {
    registry.put({"e1", "n1", "catnet", {"web"}, ip("192.0.2.10"), {}});
    view.networks = {{"n1", "catnet"}};
    server.emplace(loop, registry, limits);
    add("box");
    thread = std::thread([this] { loop.run(); });
  }
  void add(const std::string& id) {
    UniqueFd udp = bind_socket(SOCK_DGRAM);
    UniqueFd tcp = bind_socket(SOCK_STREAM);
    udp_port = port_of(udp);
    tcp_port = port_of(tcp);
    const auto open = [this](int domain, int type) -> Result<UniqueFd> {
      ++opened_inside;
      return UniqueFd(::socket(domain, type | SOCK_CLOEXEC, 0));
    };
    ASSERT_TRUE(server->add_sandbox({id, std::move(udp), std::move(tcp), view, open}));
  }
  void TearDown() override {
    loop.stop();
    if (thread.joinable()) {
      thread.join();
    }
    server.reset();
  }
  static Limits quick() {
    Limits limits;
    limits.server_timeout = 300ms;
    limits.idle_timeout = 400ms;
    return limits;
  }
  void use(const FakeUpstream& upstream, bool from_host = true) {
    view.upstreams.push_back({ip("127.0.0.1"), upstream.port, from_host, {}});
  }
  Wire ask(const Wire& query) const {
    const UniqueFd client = connect_socket(SOCK_DGRAM, udp_port);
    send_bytes(client, query);
    return receive_datagram(client);
  }
  Wire ask_tcp(const Wire& query) const {
    const UniqueFd client = connect_socket(SOCK_STREAM, tcp_port);
    send_bytes(client, framed(query));
    return receive_framed(client);
  }

  boost::asio::io_context loop;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      loop.get_executor()};
  services::Registry registry;
  SandboxView view;
  std::optional<Server> server;
  std::thread thread;
  std::uint16_t udp_port = 0;
  std::uint16_t tcp_port = 0;
  std::atomic<int> opened_inside = 0;
};

} // namespace ebpfnet::dns::testing
