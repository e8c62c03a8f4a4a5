// One TCP connection of a client: reads length-prefixed queries, several at a time if the client
// likes (RFC 7766), and writes replies as they become ready. Ends when the client ends it, idles
// too long, or does not read its replies.
#pragma once

#include <deque>

#include "daemon/dns/front.hpp"

namespace ebpfnet::dns {

class Connection : public std::enable_shared_from_this<Connection> {
public:
  Connection(std::shared_ptr<Front> front, asio::ip::tcp::socket socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  void close();

private:
  static asio::awaitable<void> read_loop(std::shared_ptr<Connection> self);
  static asio::awaitable<void> write_loop(std::shared_ptr<Connection> self);
  void take(WireView query);
  void send(const Wire& reply);
  void touch();

  std::shared_ptr<Front> front_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer idle_;
  std::deque<Wire> out_;    // framed
  std::size_t unsent_ = 0;  // bytes in out_
  std::size_t pending_ = 0; // queries without a reply yet
  bool ended_ = false;      // the client sends no more
};

} // namespace ebpfnet::dns
