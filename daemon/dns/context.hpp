// What the parts of the DNS server share, and the bookkeeping of queries under way. Everything here
// is used from the server's strand only.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <list>

#include "daemon/dns/resolver.hpp"
#include "daemon/dns/server.hpp"
#include "daemon/dns/tally.hpp"

namespace ebpfnet::dns {

namespace asio = boost::asio;

struct Context {
  asio::any_io_executor strand;
  std::shared_ptr<asio::thread_pool> helpers; // runs OpenSocket
  Resolver resolver;
  Limits limits;
  std::unique_ptr<Tally> tally = std::make_unique<Tally>();
  std::array<std::uint8_t, 65536> scratch{}; // one message; valid until the next suspension
};

// The forwarded queries of one sandbox.
struct Flights {
  std::size_t outstanding = 0;
  bool stopped = false;
  std::list<std::function<void()>> aborts; // each closes a socket in use

  void stop() {
    stopped = true;
    for (const auto& abort : aborts) {
      abort();
    }
  }
};

// Closes a socket when its time is up or when the sandbox goes, whichever is first; pending
// operations then fail.
class Watch {
public:
  template <class Socket>
  Watch(Flights& flights, const std::shared_ptr<Socket>& socket, std::chrono::milliseconds time)
      : flights_(flights), timer_(socket->get_executor(), time) {
    const auto close = [weak = std::weak_ptr<Socket>(socket)] {
      if (const auto alive = weak.lock()) {
        boost::system::error_code ignored;
        alive->close(ignored);
      }
    };
    entry_ = flights_.aborts.insert(flights_.aborts.end(), close);
    timer_.async_wait([close](boost::system::error_code cancelled) {
      if (!cancelled) {
        close();
      }
    });
  }
  ~Watch() { flights_.aborts.erase(entry_); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

private:
  Flights& flights_;
  asio::steady_timer timer_;
  std::list<std::function<void()>>::iterator entry_;
};

} // namespace ebpfnet::dns
