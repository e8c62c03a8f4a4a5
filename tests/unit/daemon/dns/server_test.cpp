// The server on real sockets of 127.0.0.1: own answers, forwarding over UDP and TCP, servers that
// fail in every way, and limits.
#include <random>
#include <set>

#include "dns_server_fixture.hpp"

namespace ebpfnet::dns {
namespace {

using namespace std::chrono_literals;
using namespace testing;

constexpr unsigned kServFail = 2, kNxDomain = 3, kRefused = 5;

// Upstreams of one kind.
FakeUpstream::Answer answering(std::string_view address) {
  return [address = ip(address)](const Wire& query, bool) {
    return std::vector<Wire>{make_upstream_reply(query, 0, address)};
  };
}
FakeUpstream::Answer failing(unsigned code) {
  return [code](const Wire& query, bool) {
    return std::vector<Wire>{make_upstream_reply(query, code, std::nullopt)};
  };
}
// Over UDP it never answers; over TCP it holds the connection for a while, and closes it.
FakeUpstream::Answer stuck() {
  return [](const Wire&, bool tcp) {
    std::this_thread::sleep_for(tcp ? 500ms : 0ms);
    return std::vector<Wire>{};
  };
}
FakeUpstream::Answer silent() {
  return [](const Wire&, bool) { return std::vector<Wire>{}; };
}

TEST_F(DnsServer, AnswersOwnNamesOverUdpAndTcp) {
  start();
  EXPECT_EQ(answer_addresses(ask(make_query({"web"}))), std::vector{ip("192.0.2.10")});
  EXPECT_EQ(answer_addresses(ask_tcp(make_query({"web"}))), std::vector{ip("192.0.2.10")});
}

TEST_F(DnsServer, ForwardsOverTheClientsTransportAndKeepsItsId) {
  FakeUpstream upstream(answering("198.51.100.7"));
  use(upstream);
  start();
  for (const bool tcp : {false, true}) {
    const Wire query = make_query({"Example.org"});
    const Wire reply = tcp ? ask_tcp(query) : ask(query);
    ASSERT_FALSE(reply.empty());
    EXPECT_EQ(message_id(reply), 0x1234);
    EXPECT_EQ(answer_addresses(reply), std::vector{ip("198.51.100.7")});
  }
  EXPECT_EQ(upstream.queries, 2);
  EXPECT_EQ(opened_inside, 0);
}

TEST_F(DnsServer, AsksServersOfTheUserThroughSocketsFromInside) {
  FakeUpstream upstream(answering("198.51.100.7"));
  use(upstream, false);
  view.internal_only = true;
  start();
  EXPECT_EQ(rcode(ask(make_query({"example.org"}))), 0U);
  EXPECT_EQ(rcode(ask_tcp(make_query({"example.org"}))), 0U);
  EXPECT_EQ(opened_inside, 2);
}

TEST_F(DnsServer, NeverAsksTheHostsServersForAnInternalSandbox) {
  FakeUpstream upstream(answering("198.51.100.7"));
  use(upstream);
  view.internal_only = true;
  start();
  EXPECT_EQ(rcode(ask(make_query({"example.org"}))), kServFail);
  EXPECT_EQ(upstream.queries, 0);
  view.internal_only = false;
  server->update_sandbox("box", view); // connected to the world: takes effect at once
  EXPECT_EQ(rcode(ask(make_query({"example.org"}))), 0U);
}

TEST_F(DnsServer, GivesServfailWithoutAnyServerAndNeverAsksItself) {
  view.upstreams = {{ip("127.0.0.11"), 53, true, {}}, {ip("127.0.0.11"), 53, false, {}}};
  start();
  EXPECT_EQ(rcode(ask(make_query({"example.org"}))), kServFail);
  EXPECT_EQ(opened_inside, 0);
}

TEST_F(DnsServer, GoesOnToTheNextServerAfterServfailRefusedAndSilence) {
  FakeUpstream one(failing(kServFail));
  FakeUpstream two(silent());
  FakeUpstream three(answering("198.51.100.9"));
  use(one);
  use(two);
  use(three);
  start();
  EXPECT_EQ(answer_addresses(ask(make_query({"example.org"}))), std::vector{ip("198.51.100.9")});
  EXPECT_EQ(answer_addresses(ask_tcp(make_query({"example.org"}))),
            std::vector{ip("198.51.100.9")});
}

TEST_F(DnsServer, AsksThreeServersAtMost) {
  FakeUpstream bad(failing(kRefused));
  FakeUpstream good(answering("198.51.100.9"));
  use(bad);
  use(bad);
  use(bad);
  use(good);
  start();
  EXPECT_EQ(rcode(ask(make_query({"example.org"}))), kServFail);
  EXPECT_EQ(bad.queries, 3);
  EXPECT_EQ(good.queries, 0);
}

TEST_F(DnsServer, TakesNxdomainAsFinal) {
  FakeUpstream one(failing(kNxDomain));
  FakeUpstream two(answering("198.51.100.9"));
  use(one);
  use(two);
  start();
  EXPECT_EQ(rcode(ask(make_query({"example.org"}))), kNxDomain);
  EXPECT_EQ(two.queries, 0);
}

TEST_F(DnsServer, SkipsAPortThatNobodyListensOnWithoutWaiting) {
  const std::uint16_t closed = port_of(bind_socket(SOCK_DGRAM));
  FakeUpstream good(answering("198.51.100.9"));
  view.upstreams = {{ip("127.0.0.1"), closed, true, {}}};
  use(good);
  Limits limits = quick();
  limits.server_timeout = 4000ms;
  start(limits);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(rcode(ask(make_query({"example.org"}))), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST_F(DnsServer, IgnoresRepliesThatDoNotBelongToTheQuery) {
  FakeUpstream upstream([](const Wire& query, bool tcp) {
    Wire wrong_id = make_upstream_reply(query, 0, ip("203.0.113.66"));
    wrong_id[0] ^= 1U;
    const unsigned id = message_id(query);
    const Wire other = make_query({"example.net", rrtype::kA, kClassIn, id});
    const std::vector<Wire> replies{wrong_id, make_upstream_reply(other, 0, ip("203.0.113.66")),
                                    query, Wire(5, 0xff),
                                    make_upstream_reply(query, 0, ip("198.51.100.7"))};
    return tcp ? std::vector<Wire>{wrong_id} : replies;
  });
  use(upstream);
  start();
  EXPECT_EQ(answer_addresses(ask(make_query({"example.org"}))), std::vector{ip("198.51.100.7")});
  EXPECT_EQ(rcode(ask_tcp(make_query({"example.org"}))), kServFail);
}

TEST_F(DnsServer, UsesFreshIdsAndSourcePorts) {
  FakeUpstream upstream(answering("198.51.100.7"));
  use(upstream);
  start();
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(rcode(ask(make_query({"example.org"}))), 0U);
  }
  std::set<unsigned> ids;
  std::set<std::uint16_t> ports;
  for (const auto& [id, port] : upstream.seen()) {
    ids.insert(id);
    ports.insert(port);
  }
  EXPECT_GT(ids.size(), 45U);
  EXPECT_GT(ports.size(), 35U);
}

TEST_F(DnsServer, PassesTruncationOnAndLargeRepliesOverTcp) {
  FakeUpstream upstream([](const Wire& query, bool tcp) {
    Wire reply = make_upstream_reply(query, 0, std::nullopt);
    reply[2] |= tcp ? 0U : 2U;
    reply.resize(tcp ? 60000 : reply.size());
    return std::vector<Wire>{reply};
  });
  use(upstream);
  start();
  EXPECT_TRUE(truncated(ask(make_query({"example.org"}))));
  EXPECT_EQ(ask_tcp(make_query({"example.org"})).size(), 60000U);
}

TEST_F(DnsServer, TruncatesRepliesThatAreTooLargeForTheClient) {
  FakeUpstream upstream([](const Wire& query, bool) {
    Wire reply = make_upstream_reply(query, 0, ip("198.51.100.7"));
    reply.resize(2000);
    return std::vector<Wire>{reply};
  });
  use(upstream);
  start();
  const Wire reply = ask(make_query({"example.org"}));
  EXPECT_TRUE(truncated(reply));
  EXPECT_LE(reply.size(), 512U);
  EXPECT_EQ(ask(make_query({"example.org", rrtype::kA, kClassIn, 1, 4096})).size(), 2000U);
}

TEST_F(DnsServer, RefusesBeyondItsLimitAndStillAnswersOwnNames) {
  FakeUpstream upstream(silent());
  use(upstream);
  Limits limits = quick();
  limits.server_timeout = 3000ms;
  start(limits);
  const UniqueFd client = connect_socket(SOCK_DGRAM, udp_port);
  for (unsigned i = 0; i < 1100; ++i) {
    send_bytes(client, make_query({"example.org", rrtype::kA, kClassIn, i}));
    if (i % 100 == 99) {
      std::this_thread::sleep_for(10ms); // the server's own receive buffer is finite
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(answer_addresses(ask(make_query({"web"}))), std::vector{ip("192.0.2.10")});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
  for (unsigned i = 0; i < 1100 - 1024; ++i) {
    ASSERT_EQ(rcode(receive_datagram(client)), kRefused) << i;
  }
  ASSERT_EQ(rcode(receive_datagram(client)), kServFail); // the first that hung
}

TEST_F(DnsServer, ForwardsTwoThousandQueriesInParallel) {
  FakeUpstream upstream(answering("198.51.100.7"));
  use(upstream);
  Limits limits;
  limits.max_forwards = 2000;
  start(limits);
  const UniqueFd client = connect_socket(SOCK_DGRAM, udp_port);
  std::set<unsigned> open;
  for (unsigned i = 0; i < 2000; ++i) {
    send_bytes(client, make_query({"example.org", rrtype::kA, kClassIn, i}));
    open.insert(i);
    if (i % 100 == 99) {
      std::this_thread::sleep_for(5ms);
    }
  }
  while (!open.empty()) {
    const Wire reply = receive_datagram(client);
    ASSERT_FALSE(reply.empty()) << open.size() << " missing";
    ASSERT_EQ(rcode(reply), 0U);
    open.erase(message_id(reply));
  }
}

TEST_F(DnsServer, TakesSeveralTcpQueriesInPiecesAndAnswersOutOfOrder) {
  FakeUpstream upstream(stuck());
  use(upstream);
  start();
  const UniqueFd client = connect_socket(SOCK_STREAM, tcp_port);
  Wire all = framed(make_query({"example.org", rrtype::kA, kClassIn, 1}));
  const Wire own = framed(make_query({"web", rrtype::kA, kClassIn, 2}));
  all.insert(all.end(), own.begin(), own.end());
  for (const std::uint8_t byte : all) {
    send_bytes(client, Wire{byte});
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(message_id(receive_framed(client)), 2);
  const Wire late = receive_framed(client);
  EXPECT_EQ(message_id(late), 1);
  EXPECT_EQ(rcode(late), kServFail);
}

TEST_F(DnsServer, ClosesIdleTcpConnectionsAlsoThoseThatTrickle) {
  start();
  const UniqueFd idle = connect_socket(SOCK_STREAM, tcp_port);
  const UniqueFd slow = connect_socket(SOCK_STREAM, tcp_port);
  for (int i = 0; i < 8; ++i) {
    send_bytes(slow, Wire{0});
    std::this_thread::sleep_for(100ms);
    if (i == 0) {
      send_bytes(slow, Wire{200});
    }
  }
  EXPECT_TRUE(receive_framed(idle).empty());
  std::uint8_t byte = 0;
  EXPECT_LE(::recv(slow.get(), &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_NE(errno, EAGAIN);
}

TEST_F(DnsServer, AnswersAClientThatShutItsSideDown) {
  start();
  const UniqueFd client = connect_socket(SOCK_STREAM, tcp_port);
  send_bytes(client, framed(make_query({"web"})));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(answer_count(receive_framed(client)), 1U);
}

TEST_F(DnsServer, ClosesConnectionsBeyondItsLimitAndRecovers) {
  Limits limits = quick();
  limits.idle_timeout = 1000ms;
  start(limits);
  std::vector<UniqueFd> held;
  for (int i = 0; i < 32; ++i) {
    held.push_back(connect_socket(SOCK_STREAM, tcp_port));
    send_bytes(held.back(), framed(make_query({"web"})));
    ASSERT_EQ(answer_count(receive_framed(held.back())), 1U);
  }
  EXPECT_TRUE(ask_tcp(make_query({"web"})).empty());
  held.clear();
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(ask_tcp(make_query({"web"})).empty());
}

TEST_F(DnsServer, StopsServingARemovedSandboxAndLetsItsIdBeUsedAgain) {
  FakeUpstream upstream(stuck());
  use(upstream);
  Limits limits;
  limits.server_timeout = 60s;
  limits.idle_timeout = 60s;
  start(limits);
  const UniqueFd hanging = connect_socket(SOCK_STREAM, tcp_port);
  send_bytes(hanging, framed(make_query({"example.org"})));
  while (upstream.queries == 0) {
    std::this_thread::sleep_for(1ms);
  }
  const std::uint16_t old_port = udp_port;
  EXPECT_FALSE(
      server->add_sandbox({"box", bind_socket(SOCK_DGRAM), bind_socket(SOCK_STREAM), view, {}}));
  server->remove_sandbox("box");
  server->remove_sandbox("nobody");
  server->update_sandbox("nobody", view);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(receive_framed(hanging).empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s); // not only when the query times out
  add("box");
  EXPECT_EQ(answer_count(ask(make_query({"web"}))), 1U);
  EXPECT_TRUE(bind_socket(SOCK_DGRAM, old_port)); // nothing holds it any more
}

TEST_F(DnsServer, RefusesDescriptorsOfTheWrongKind) {
  start();
  const auto try_add = [this](UniqueFd udp, UniqueFd tcp) {
    return server->add_sandbox({"other", std::move(udp), std::move(tcp), view, {}}).has_value();
  };
  EXPECT_FALSE(try_add(UniqueFd(), bind_socket(SOCK_STREAM)));
  EXPECT_FALSE(try_add(bind_socket(SOCK_DGRAM), UniqueFd()));
  EXPECT_FALSE(try_add(bind_socket(SOCK_STREAM), bind_socket(SOCK_DGRAM)));
  EXPECT_FALSE(try_add(bind_socket(SOCK_DGRAM), make_socket(SOCK_STREAM)));
  EXPECT_TRUE(try_add(bind_socket(SOCK_DGRAM), bind_socket(SOCK_STREAM)));
}

TEST_F(DnsServer, SurvivesASocketThatCannotBeOpenedInside) {
  start();
  UniqueFd udp = bind_socket(SOCK_DGRAM);
  udp_port = port_of(udp);
  view.upstreams = {{ip("127.0.0.1"), 53, false, {}}};
  const auto refuse = [](int, int) -> Result<UniqueFd> {
    return fail(ErrorCode::internal, "no such namespace");
  };
  ASSERT_TRUE(
      server->add_sandbox({"gone", std::move(udp), bind_socket(SOCK_STREAM), view, refuse}));
  EXPECT_EQ(rcode(ask(make_query({"example.org"}))), kServFail);
}

TEST_F(DnsServer, SurvivesGarbageOnBothTransports) {
  FakeUpstream upstream([](const Wire& query, bool) {
    Wire reply = make_upstream_reply(query, 0, ip("198.51.100.7"));
    reply.resize(message_id(query) % reply.size());
    return std::vector<Wire>{reply};
  });
  use(upstream);
  start();
  std::mt19937 random(4711);
  const UniqueFd client = connect_socket(SOCK_DGRAM, udp_port);
  for (int i = 0; i < 3000; ++i) {
    Wire wire = make_query({random() % 2 == 0 ? "web" : "example.org"});
    wire[random() % wire.size()] = static_cast<std::uint8_t>(random());
    wire.resize(random() % (wire.size() + 1));
    send_bytes(client, wire);
    if (i % 50 == 0) {
      send_bytes(connect_socket(SOCK_STREAM, tcp_port), framed(wire));
      ASSERT_FALSE(ask(make_query({"web"})).empty()) << i;
    }
  }
  EXPECT_EQ(answer_count(ask(make_query({"web"}))), 1U);
}

} // namespace
} // namespace ebpfnet::dns
