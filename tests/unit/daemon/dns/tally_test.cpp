// What became of queries is counted once each, under the right name.
#include "daemon/dns/tally.hpp"

#include "dns_server_fixture.hpp"

namespace ebpfnet::dns {
namespace {

using namespace testing;

class DnsTally : public DnsServer {
protected:
  // Counts by name, without those that are 0.
  std::map<std::string_view, std::uint64_t> counts() const {
    std::map<std::string_view, std::uint64_t> out;
    const auto tally = server->tally();
    for (std::size_t i = 0; i < tally.size(); ++i) {
      if (tally[i] != 0) {
        out[kOutcomes[i]] = tally[i];
      }
    }
    return out;
  }
  using Counts = std::map<std::string_view, std::uint64_t>;
};

TEST_F(DnsTally, CountsOwnAnswersOverBothTransports) {
  start();
  EXPECT_EQ(counts(), Counts());
  ask(make_query({"web"}));
  ask(make_query({"web", rrtype::kAaaa})); // known, without such an address: an answer
  ask_tcp(make_query({"web"}));
  EXPECT_EQ(counts(), (Counts{{"answered", 3}}));
}

TEST_F(DnsTally, CountsAnswersOfOtherServersWhateverTheySay) {
  const FakeUpstream upstream([](const Wire& query, bool) {
    return std::vector<Wire>{make_upstream_reply(query, 3, std::nullopt)}; // NXDOMAIN
  });
  use(upstream);
  start();
  ask(make_query({"example.com"}));
  EXPECT_EQ(counts(), (Counts{{"forwarded", 1}}));
}

TEST_F(DnsTally, CountsWhatNoServerAnswered) {
  const FakeUpstream upstream([](const Wire& query, bool) {
    return std::vector<Wire>{make_upstream_reply(query, 2, std::nullopt)}; // SERVFAIL
  });
  use(upstream);
  start();
  ask(make_query({"example.com"}));
  EXPECT_EQ(counts(), (Counts{{"failed", 1}}));
}

TEST_F(DnsTally, CountsRefusalsAndWhatIsNoQuery) {
  Limits limits = quick();
  limits.max_forwards = 0;
  start(limits);
  ask(make_query({"example.com"}));
  ask(make_query({"web", rrtype::kAxfr}));
  EXPECT_EQ(counts(), (Counts{{"refused", 2}}));
  const UniqueFd client = connect_socket(SOCK_DGRAM, udp_port);
  send_bytes(client, Wire{1, 2, 3});
  send_bytes(client, make_query({"web"}));
  receive_datagram(client); // datagrams of one socket come in order
  EXPECT_EQ(counts(), (Counts{{"refused", 2}, {"dropped", 1}, {"answered", 1}}));
}

} // namespace
} // namespace ebpfnet::dns
