// What becomes of one query: own answers, empty answers, refusals, what is forwarded, and bytes
// that make no sense.
#include "daemon/dns/resolver.hpp"

#include <gmock/gmock.h>

#include <random>
#include <set>

#include "dns_support.hpp"

namespace ebpfnet::dns {
namespace {

using testing::answer_addresses;
using testing::answer_count;
using testing::ip;
using testing::make_query;
using testing::question_end;
using testing::rcode;
using testing::truncated;
using enum Answer::Action;

class ResolverTest : public ::testing::Test {
protected:
  ResolverTest() {
    registry.put({"e1", "n1", "catnet", {"web", "www", "web.one"}, ip("192.0.2.10"), {}});
    registry.put({"e2", "n1", "catnet", {"six"}, {}, ip("2001:db8::6")});
    registry.put({"e3", "n1", "catnet", {"both"}, ip("192.0.2.12"), ip("2001:db8::12")});
    registry.put({"e4", "n2", "dog.net", {"dog", "web"}, ip("198.51.100.4"), {}});
    registry.put({"e5", "n3", "birdnet", {"bird"}, ip("203.0.113.5"), {}});
    view.networks = {{"n1", "catnet"}, {"n2", "dog.net"}};
  }

  Answer ask(std::string name, unsigned type = rrtype::kA, unsigned klass = kClassIn) const {
    return resolver.resolve(make_query({std::move(name), type, klass}), Transport::udp, view);
  }
  std::vector<IpAddress> addresses(std::string name, unsigned type = rrtype::kA) const {
    const Answer answer = ask(std::move(name), type);
    EXPECT_EQ(answer.action, reply);
    return answer.action == reply ? answer_addresses(answer.wire) : std::vector<IpAddress>{};
  }
  void expect_empty(const Answer& answer) const {
    ASSERT_EQ(answer.action, reply);
    EXPECT_EQ(rcode(answer.wire), 0U);
    EXPECT_EQ(answer_count(answer.wire), 0U);
  }

  services::Registry registry;
  Resolver resolver{registry};
  SandboxView view;
};

TEST_F(ResolverTest, AnswersANameOfTheNetworkByteForByte) {
  const Wire query = make_query({"WeB"});
  const Answer answer = resolver.resolve(query, Transport::udp, view);
  Wire expected = query; // same id, same letters
  expected[2] = 0x81;    // QR, RD
  expected[3] = 0x80;    // RA
  expected[7] = 1;
  const Wire record{0xc0, 12, 0, 1, 0, 1, 0, 0, 2, 0x58, 0, 4, 192, 0, 2, 10}; // TTL 600
  expected.insert(expected.end(), record.begin(), record.end());
  EXPECT_EQ(answer.action, reply);
  EXPECT_EQ(answer.wire, expected);
}

TEST_F(ResolverTest, LooksInTheNetworksInOrderAndInNoOther) {
  EXPECT_EQ(addresses("web"), std::vector{ip("192.0.2.10")});
  EXPECT_EQ(addresses("dog"), std::vector{ip("198.51.100.4")});
  EXPECT_EQ(ask("bird").action, forward);
  std::swap(view.networks[0], view.networks[1]);
  EXPECT_EQ(addresses("web"), std::vector{ip("198.51.100.4")});
}

TEST_F(ResolverTest, UnderstandsNamesWithTheirNetworkAlsoWithDotsInEither) {
  EXPECT_EQ(addresses("web.catnet"), std::vector{ip("192.0.2.10")});
  EXPECT_EQ(addresses("web.DOG.net"), std::vector{ip("198.51.100.4")});
  EXPECT_EQ(addresses("web.one"), std::vector{ip("192.0.2.10")});
  EXPECT_EQ(addresses("web.one.catnet"), std::vector{ip("192.0.2.10")});
  EXPECT_EQ(ask("bird.birdnet").action, forward);
  EXPECT_EQ(ask("dog.catnet").action, forward);
}

TEST_F(ResolverTest, AnswersEmptyWhenOnlyTheOtherFamilyOrTypeExists) {
  expect_empty(ask("web", rrtype::kAaaa));
  expect_empty(ask("six", rrtype::kA));
  expect_empty(ask("web", 15)); // MX
  expect_empty(ask("web", 16)); // TXT
  EXPECT_EQ(addresses("six", rrtype::kAaaa), std::vector{ip("2001:db8::6")});
}

TEST_F(ResolverTest, GivesBothFamiliesForAny) {
  EXPECT_THAT(addresses("both", rrtype::kAny),
              ::testing::UnorderedElementsAre(ip("192.0.2.12"), ip("2001:db8::12")));
}

TEST_F(ResolverTest, AnswersPtrWithNameAndNetworkOfBothFamilies) {
  for (const std::string& name :
       {std::string("10.2.0.192.in-addr.arpa"), std::string("10.2.0.192.IN-ADDR.arpa")}) {
    const Answer answer = ask(name, rrtype::kPtr);
    ASSERT_EQ(answer.action, reply);
    const std::string text(answer.wire.begin(), answer.wire.end());
    EXPECT_TRUE(text.contains(std::string("\3web\6catnet\0", 12))) << name;
  }
  const std::string nibbles = "6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";
  const Answer six = ask(nibbles + ".ip6.arpa", rrtype::kPtr);
  ASSERT_EQ(six.action, reply);
  EXPECT_EQ(answer_count(six.wire), 1U);
}

TEST_F(ResolverTest, ForwardsPtrOfAddressesThatAreNotOurs) {
  EXPECT_EQ(ask("1.0.0.10.in-addr.arpa", rrtype::kPtr).action, forward);
  EXPECT_EQ(ask("5.113.0.203.in-addr.arpa", rrtype::kPtr).action, forward); // another network
  EXPECT_EQ(ask("2.0.192.in-addr.arpa", rrtype::kPtr).action, forward);
  EXPECT_EQ(ask("x.2.0.192.in-addr.arpa", rrtype::kPtr).action, forward);
  EXPECT_EQ(ask("1.2.ip6.arpa", rrtype::kPtr).action, forward);
  EXPECT_EQ(ask("arpa", rrtype::kPtr).action, forward);
}

TEST_F(ResolverTest, ForwardsUnknownNamesWithTheirQuestion) {
  const Answer answer = ask("Example.org", 15);
  ASSERT_EQ(answer.action, forward);
  EXPECT_EQ(answer.query->question.name, "Example.org");
  EXPECT_EQ(answer.query->question.type, 15);
  EXPECT_EQ(ask("", 2).action, forward); // the root's servers
}

TEST_F(ResolverTest, KeepsSingleLabelsHomeOnlyWithExplicitNdots) {
  EXPECT_EQ(ask("nosuch").action, forward);
  view.ndots_set = true;
  EXPECT_EQ(ask("nosuch").action, forward); // ndots:0
  view.ndots = 1;
  expect_empty(ask("nosuch"));
  expect_empty(ask("nosuch", rrtype::kAaaa));
  EXPECT_EQ(ask("no.such").action, forward);
  EXPECT_EQ(addresses("web"), std::vector{ip("192.0.2.10")});
}

TEST_F(ResolverTest, RefusesOtherClassesAndZoneTransfers) {
  EXPECT_EQ(rcode(ask("version.bind", 16, 3).wire), 5U);
  EXPECT_EQ(rcode(ask("web", rrtype::kA, 255).wire), 5U);
  EXPECT_EQ(rcode(ask("example.org", rrtype::kAxfr).wire), 5U);
}

TEST_F(ResolverTest, RejectsOtherOpcodesAndSeveralQuestions) {
  Wire notify = make_query({"web"});
  notify[2] = 4U << 3U;
  const Answer unknown = resolver.resolve(notify, Transport::udp, view);
  ASSERT_EQ(unknown.action, reply);
  EXPECT_EQ(rcode(unknown.wire), 4U);
  EXPECT_EQ(unknown.wire.size(), kHeaderLen);
  for (const std::uint8_t count : {0, 2}) {
    Wire query = make_query({"web"});
    query[5] = count;
    EXPECT_EQ(rcode(resolver.resolve(query, Transport::udp, view).wire), 1U);
  }
}

TEST_F(ResolverTest, DropsRepliesAndFragmentsOfHeaders) {
  Wire response = make_query({"web"});
  response[2] |= 0x80U;
  EXPECT_EQ(resolver.resolve(response, Transport::udp, view).action, drop);
  for (std::size_t len = 0; len < kHeaderLen; ++len) {
    EXPECT_EQ(resolver.resolve(Wire(len, 0), Transport::udp, view).action, drop);
  }
}

TEST_F(ResolverTest, SaysFormErrToEveryTruncatedQuery) {
  const Wire query = make_query({"web.catnet"});
  for (std::size_t len = kHeaderLen; len < query.size(); ++len) {
    const Answer answer = resolver.resolve(WireView(query).first(len), Transport::udp, view);
    ASSERT_EQ(answer.action, reply) << len;
    EXPECT_EQ(rcode(answer.wire), 1U) << len;
  }
}

TEST_F(ResolverTest, AnswersEdnsWithAnOptRecordAndUnknownVersionsWithBadvers) {
  const Wire plain = make_query({"web", rrtype::kA, kClassIn, 1, 1232});
  const Answer answer = resolver.resolve(plain, Transport::udp, view);
  EXPECT_EQ(testing::get16(answer.wire, 10), 1U);
  EXPECT_EQ(answer_addresses(answer.wire), std::vector{ip("192.0.2.10")});
  const Wire newer = make_query({"web", rrtype::kA, kClassIn, 1, 1232, 1});
  const Answer bad = resolver.resolve(newer, Transport::udp, view);
  EXPECT_EQ(answer_count(bad.wire), 0U);
  const std::size_t opt = question_end(bad.wire);
  EXPECT_EQ(bad.wire.at(opt + 5), 1); // upper bits of the extended code: 16
}

TEST_F(ResolverTest, TruncatesToTheClientsSizeOverUdpOnly) {
  for (int i = 0; i < 300; ++i) {
    registry.put({fmt::format("m{}", i),
                  "n1",
                  "catnet",
                  {"many"},
                  IpAddress::from_v4(0xc6120000U + static_cast<unsigned>(i)),
                  {}});
  }
  for (const unsigned size : {0U, 100U, 512U, 1232U, 4096U, 65535U}) {
    const Wire query = make_query({"many", rrtype::kA, kClassIn, 1, size});
    const Answer answer = resolver.resolve(query, Transport::udp, view);
    const std::size_t limit = std::clamp(size, 512U, 4096U);
    EXPECT_TRUE(truncated(answer.wire)) << size;
    EXPECT_LE(answer.wire.size(), limit) << size;
    EXPECT_GT(answer.wire.size(), limit - 64) << size; // full, not merely within bounds
  }
  const Answer tcp = resolver.resolve(make_query({"many"}), Transport::tcp, view);
  EXPECT_FALSE(truncated(tcp.wire));
  EXPECT_EQ(answer_count(tcp.wire), 300U);
}

TEST_F(ResolverTest, ShufflesSharedAliases) {
  for (int i = 0; i < 4; ++i) {
    registry.put({fmt::format("s{}", i),
                  "n1",
                  "catnet",
                  {"pool"},
                  IpAddress::from_v4(0xc6120001U + static_cast<unsigned>(i)),
                  {}});
  }
  std::set<IpAddress> first;
  for (int i = 0; i < 200; ++i) {
    const auto all = addresses("pool");
    ASSERT_EQ(all.size(), 4U);
    first.insert(all.front());
  }
  EXPECT_EQ(first.size(), 4U);
}

TEST_F(ResolverTest, NamesWithoutWireFormAreNotAnsweredWithGarbage) {
  registry.put({"long", "n1", "catnet", {std::string(80, 'x')}, ip("192.0.2.77"), {}});
  const Answer answer = ask("77.2.0.192.in-addr.arpa", rrtype::kPtr);
  expect_empty(answer);
}

TEST_F(ResolverTest, SurvivesMutatedQueries) {
  std::mt19937 random(20240607);
  const std::vector<Wire> seeds{
      make_query({"web"}), make_query({"both.catnet", rrtype::kAny, kClassIn, 7, 1232}),
      make_query({"10.2.0.192.in-addr.arpa", rrtype::kPtr}), make_query({"example.org", 16})};
  for (int i = 0; i < 100'000; ++i) {
    Wire wire = seeds[random() % seeds.size()];
    for (unsigned n = random() % 6; n > 0; --n) {
      wire[random() % wire.size()] = static_cast<std::uint8_t>(random());
    }
    wire.resize(random() % 4 == 0 ? random() % (wire.size() + 8) : wire.size());
    const Transport transport = random() % 2 == 0 ? Transport::udp : Transport::tcp;
    const Answer answer = resolver.resolve(wire, transport, view);
    if (answer.action == reply) {
      ASSERT_GE(answer.wire.size(), kHeaderLen);
      ASSERT_EQ(message_id(answer.wire), message_id(wire));
      ASSERT_TRUE(transport == Transport::tcp || answer.wire.size() <= 4096);
    }
  }
}

TEST(IsReplyTo, TakesOnlyTheSameIdAndQuestion) {
  const Wire query = make_query({"Example.org"});
  const Question question{"Example.org", rrtype::kA, kClassIn};
  const Wire good = testing::make_upstream_reply(query, 0, ip("192.0.2.1"));
  EXPECT_TRUE(is_reply_to(good, 0x1234, question));
  EXPECT_TRUE(is_reply_to(good, 0x1234, {"eXAMPLE.org", rrtype::kA, kClassIn}));
  EXPECT_FALSE(is_reply_to(good, 0x1235, question));
  EXPECT_FALSE(is_reply_to(good, 0x1234, {"example.net", rrtype::kA, kClassIn}));
  EXPECT_FALSE(is_reply_to(good, 0x1234, {"Example.org", rrtype::kAaaa, kClassIn}));
  EXPECT_FALSE(is_reply_to(query, 0x1234, question));
  EXPECT_FALSE(is_reply_to(WireView(good).first(20), 0x1234, question));
  EXPECT_FALSE(is_reply_to(WireView(good).first(3), 0x1234, question));
}

} // namespace
} // namespace ebpfnet::dns
