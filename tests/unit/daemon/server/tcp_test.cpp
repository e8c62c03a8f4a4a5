// The same server on TCP, as metrics use it: addresses, HEAD, what it tells and to whom.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <mutex>

#include "daemon/server/metrics/routes.hpp"
#include "daemon/server/tcp_listener.hpp"
#include "tests/unit/daemon/server/test_server.hpp"

namespace ebpfnet::server {
namespace {

using namespace std::chrono_literals;

// A listener on a port that the kernel chooses, and the port.
struct Bound {
  std::unique_ptr<Listener> listener;
  SocketAddress address;
};

Bound bind_to(const char* ip) {
  SocketAddress wanted{*IpAddress::from(ip), 0};
  auto listener = TcpListener::listen(wanted);
  if (!listener) {
    throw std::runtime_error(listener.error().story());
  }
  sockaddr_in6 name{}; // the port stands at the same place in both families
  socklen_t length = sizeof name;
  ::getsockname(listener->fd(), reinterpret_cast<sockaddr*>(&name), &length);
  wanted.port = ntohs(name.sin6_port);
  return {std::make_unique<TcpListener>(std::move(*listener)), wanted};
}

UniqueFd connect_to(const char* ip, std::uint16_t port) {
  const SocketAddress address{*IpAddress::from(ip), port};
  sockaddr_storage name{};
  const socklen_t length = address.fill(name);
  UniqueFd fd(::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0) {
    return {};
  }
  return fd;
}

class TcpServer : public ::testing::Test {
protected:
  TcpServer() : TcpServer("127.0.0.1") {}
  explicit TcpServer(const char* ip) : bound_(bind_to(ip)) {}
  void serve(std::function<Result<std::string>()> text, Limits limits = {}) {
    Options options{.name = "metrics", .hint = "the metrics are at /metrics", .limits = limits};
    options.observe = [this](const Exchange& done) {
      const std::scoped_lock lock(mutex_);
      seen_.push_back(fmt::format("{} {} {}", done.method, done.route, done.status));
    };
    server_ = std::make_unique<TestServer>(std::move(bound_.listener),
                                           metrics_routes(std::move(text)), std::move(options));
  }
  RawClient client() { return RawClient(connect_to("127.0.0.1", bound_.address.port)); }
  std::vector<std::string> seen() {
    const std::scoped_lock lock(mutex_);
    return seen_;
  }

  Bound bound_;
  std::mutex mutex_;
  std::vector<std::string> seen_;
  std::unique_ptr<TestServer> server_;
};

TEST_F(TcpServer, ServesMetricsAsTextAndKeepsTheConnection) {
  int scrapes = 0;
  serve([&] { return Result<std::string>(fmt::format("up {}\n", ++scrapes)); });
  RawClient client = this->client();
  for (int i = 1; i < 4; ++i) {
    const RawReply reply = client.ask("GET", "/metrics");
    EXPECT_EQ(reply.status, 200);
    EXPECT_NE(reply.header.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
              std::string::npos);
    EXPECT_EQ(reply.body, fmt::format("up {}\n", i));
  }
}

TEST_F(TcpServer, HeadHasTheHeaderOfGetAndNoBody) {
  serve([] { return Result<std::string>("up 1\n"); });
  RawClient client = this->client();
  client.send("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(client.wait_for("\r\n\r\n"));
  // What follows the header is the next reply, not a body.
  client.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = client.rest();
  const auto second = text.find("HTTP/1.1", 1);
  ASSERT_NE(second, std::string::npos);
  EXPECT_TRUE(text.substr(0, second).ends_with("\r\n\r\n")) << text;
  EXPECT_NE(text.substr(0, second).find("Content-Length: 5\r\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\nup 1\n")) << text;
}

TEST_F(TcpServer, RefusesOtherPathsAndMethods) {
  serve([] { return Result<std::string>("up 1\n"); });
  RawClient client = this->client();
  const RawReply path = client.ask("GET", "/v1/networks");
  EXPECT_EQ(path.status, 404);
  EXPECT_EQ(path.json()["hint"], "the metrics are at /metrics");
  const RawReply method = client.ask("POST", "/metrics", "x");
  EXPECT_EQ(method.status, 405);
  EXPECT_NE(method.header.find("Allow: GET, HEAD\r\n"), std::string::npos);
}

TEST_F(TcpServer, AScrapeThatFailsIsAnError) {
  serve([] { return Result<std::string>(fail(ErrorCode::internal, "map 'flows' is gone")); });
  const RawReply reply = client().ask("GET", "/metrics");
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.json()["message"], "map 'flows' is gone");
}

TEST_F(TcpServer, TellsOfEveryRequestWithItsRoute) {
  serve([] { return Result<std::string>("up 1\n"); }, {.header_bytes = 1000});
  RawClient client = this->client();
  client.ask("GET", "/metrics");
  client.ask("GET", "/metrics?x=1");
  client.ask("GET", "/made/up");
  client.ask("GET", "/%zz");
  client.send("GET /" + std::string(2000, 'x') + " HTTP/1.1\r\n\r\n");
  client.rest();
  EXPECT_EQ(seen(), (std::vector<std::string>{"GET /metrics 200", "GET /metrics 200", "GET  404",
                                              "GET  400", "  431"}));
}

TEST_F(TcpServer, SlowClientsAreCutAndHoldUpNobody) {
  const std::string much(32 << 20, 'x'); // more than socket buffers take
  std::atomic<int> scrapes = 0;
  serve([&] { return Result<std::string>(++scrapes == 1 ? much : "up 1\n"); },
        {.read_timeout = 1s, .threads = 1});
  RawClient lazy = client();
  lazy.request("GET", "/metrics");
  ASSERT_TRUE(lazy.wait_for("\r\n\r\n")); // and then takes no more
  RawClient silent = client();
  silent.send("GET /metrics HT"); // never ends its request
  const RawReply reply = client().ask("GET", "/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "up 1\n");
  // The lazy client's time began before the silent one's, so it is cut first.
  EXPECT_EQ(silent.rest(), "");
  EXPECT_LT(lazy.rest().size(), much.size());
}

TEST(TcpListener, TheAddressForAllServesBothFamilies) {
  Bound bound = bind_to("::");
  EXPECT_TRUE(connect_to("::1", bound.address.port));
  EXPECT_TRUE(connect_to("127.0.0.1", bound.address.port));
}

TEST(TcpListener, AnAddressIsServedAloneAndOnce) {
  Bound bound = bind_to("127.0.0.1");
  EXPECT_FALSE(connect_to("127.0.0.2", bound.address.port));
  const auto again = TcpListener::listen(bound.address);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_NE(again.error().story().find("Address already in use (hint: another process"),
            std::string::npos);
}

TEST(TcpListener, NamesAnAddressThatThisHostDoesNotHave) {
  const auto refused = TcpListener::listen(*SocketAddress::from("192.0.2.77:9464"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid);
  EXPECT_NE(refused.error().message.find("192.0.2.77:9464"), std::string::npos);
}

} // namespace
} // namespace ebpfnet::server
