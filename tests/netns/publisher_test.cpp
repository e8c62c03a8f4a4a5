// Published ports in the maps of a real data plane: who has which, and where packets are led.
#include "tests/netns/publisher_fixture.hpp"

namespace ebpfnet::network {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(PublisherTest, NamesTheSandboxThatHasThePort) {
  publish("web", "8000-8010:80-90", 1);
  EXPECT_THAT(refusal("other", "8005:80"), HasSubstr("port is already allocated to sandbox 'web'"));
  EXPECT_THAT(refusal("other", "127.0.0.1:8010:80"), HasSubstr("'web'"));
  EXPECT_THAT(refusal("web", "[::1]:8010:80"), HasSubstr("'web'"));
  EXPECT_EQ(refusal("other", "8005:80/udp"), "accepted");
  EXPECT_EQ(refusal("other", "8011:80"), "accepted");
}

TEST_F(PublisherTest, OneAddressNeverConflictsWithAnother) {
  publish("a", "127.0.0.1:8000:80", 1);
  publish("b", "127.0.0.2:8000:80", 2);
  publish("c", "[::1]:8000:80", 3);
  EXPECT_THAT(refusal("d", "0.0.0.0:8000:80"), HasSubstr("'a'"));
  EXPECT_THAT(refusal("d", "[::]:8000:80"), HasSubstr("'c'"));
  EXPECT_EQ(served(8000),
            (std::multiset<std::string>{"127.0.0.1 -> 1:80", "127.0.0.2 -> 2:80", "::1 -> 3:80"}));
}

TEST_F(PublisherTest, EachFamilyLeadsToItsOwnEndpoint) {
  ASSERT_OK(reserve("web", "8000:80"));
  ASSERT_OK(reserve("web", "127.0.0.1:8001:81"));
  ASSERT_OK(reserve("web", "[::1]:8001:82"));
  ASSERT_OK(publisher_->serve("web", {Slot(3), Slot(4)}));
  EXPECT_EQ(served(8000), (std::multiset<std::string>{"*4:: -> 3:80", "*6:: -> 4:80"}));
  EXPECT_EQ(served(8001), (std::multiset<std::string>{"127.0.0.1 -> 3:81", "::1 -> 4:82"}));
  ASSERT_OK(publisher_->serve("web", by(4)));
  EXPECT_EQ(served(8000), (std::multiset<std::string>{"*4*6:: -> 4:80"}));
  EXPECT_EQ(records_in_use(), 3U);
  ASSERT_OK(publisher_->serve("web", {}));
  EXPECT_EQ(records_in_use(), 0U);
}

TEST_F(PublisherTest, AloneIpv4HoldsThePortForBothFamiliesAndIpv6IsServedAlone) {
  for (const char* spec : {"8000:80", "[::1]:8001:80", "127.0.0.1:8002:80"}) {
    ASSERT_OK(reserve("web", spec));
  }
  ASSERT_OK(publisher_->serve("web", {Slot(3), Slot()}));
  EXPECT_EQ(served(8000), (std::multiset<std::string>{"*4*6:: -> 3:80"}));
  EXPECT_EQ(served(8001), (std::multiset<std::string>{"::1 -> 3:80"}));
  ASSERT_OK(publisher_->serve("web", {Slot(), Slot(4)}));
  EXPECT_EQ(served(8000), (std::multiset<std::string>{"*6:: -> 4:80"}));
  EXPECT_EQ(head(8002), 0U);
}

TEST_F(PublisherTest, BothFamiliesAreServedApartWhenTheyAreNamedApart) {
  publish("four", "0.0.0.0:8000:80", 1);
  publish("six", "[::]:8000:80", 2);
  EXPECT_EQ(served(8000), (std::multiset<std::string>{"*4:: -> 1:80", "*6:: -> 2:80"}));
  EXPECT_THAT(refusal("both", "8000:80"), HasSubstr("port is already allocated"));
}

TEST_F(PublisherTest, NamesTheHostProcessThatHasThePort) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(8000);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_THAT(refusal("web", "7990-8010:80-100"),
              HasSubstr("failed to bind host port 127.0.0.1:8000/tcp: address already in use by"));
  EXPECT_EQ(refusal("web", "127.0.0.2:8000:80"), "accepted");
  EXPECT_OK(reserve("earlier", "127.0.0.1:8000:80", false)); // had it before the process came
}

TEST_F(PublisherTest, KeepsTheMasqueradeRangeFree) {
  EXPECT_THAT(refusal("web", "60990-61000:80-90"), HasSubstr("61000-65535 are kept"));
  EXPECT_THAT(refusal("web", "65535:80/udp"), HasSubstr("kept for masquerading"));
  EXPECT_EQ(refusal("web", "60999:80"), "accepted");
}

TEST_F(PublisherTest, ChoosesAFreePortOfARangeAndSaysWhenThereIsNone) {
  EXPECT_EQ(reserve("a", "9000-9001:80").value()[0].host_first, 9000);
  EXPECT_EQ(reserve("b", "9000-9001:80").value()[0].host_first, 9001);
  EXPECT_THAT(refusal("c", "9000-9001:80"), HasSubstr("no free host port in 9000-9001"));
}

TEST_F(PublisherTest, RefusesARangeTooLongToBeChosenForAtOnce) {
  EXPECT_THAT(refusal("web", "1-30000"), HasSubstr("30000 host ports cannot be chosen"));
  EXPECT_EQ(reserve("web", "80").value()[0].first, 80);
}

TEST_F(PublisherTest, RefusesNumbersThatTheTextFormCannotSay) {
  Sandbox owner;
  owner.id = "web";
  for (const api::PortSpec& spec :
       {api::PortSpec{"", 100, 50, 80, 80, "tcp"}, api::PortSpec{"", 100, 100, 90, 80, "tcp"},
        api::PortSpec{"", 0, 100, 80, 80, "tcp"}, api::PortSpec{"", 100, 100, 0, 0, "tcp"},
        api::PortSpec{"", 100, 101, 80, 90, "tcp"}, api::PortSpec{"", 100, 100, 80, 80, "sctp"},
        api::PortSpec{"nowhere", 100, 100, 80, 80, "tcp"}}) {
    EXPECT_FALSE(publisher_->reserve(owner, {spec}, true)) << spec.to_string();
  }
  EXPECT_EQ(publisher_->count(IPPROTO_TCP).ranges, 0U);
  EXPECT_EQ(publisher_->count(IPPROTO_UDP).ranges, 0U);
}

TEST_F(PublisherTest, TakesAllOfARequestOrNothing) {
  publish("web", "8000:80", 1);
  Sandbox owner;
  owner.id = "other";
  const auto spec = [](const char* text) { return api::PortSpec::from(text).value(); };
  EXPECT_FALSE(publisher_->reserve(owner, {spec("7000:80"), spec("8000:80")}, true));
  EXPECT_EQ(publisher_->count(IPPROTO_TCP).ranges, 1U);
  EXPECT_EQ(refusal("third", "7000:80"), "accepted");
}

TEST_F(PublisherTest, ATenThousandPortRangeIsOneRecord) {
  publish("web", "10000-19999:20000-29999", 7);
  EXPECT_EQ(records_in_use(), 1U);
  EXPECT_EQ(served(10000), std::multiset<std::string>{"*4*6:: -> 7:20000"});
  EXPECT_EQ(served(19999), std::multiset<std::string>{"*4*6:: -> 7:29999"});
  EXPECT_TRUE(served(9999).empty() && served(20000).empty());
  ASSERT_OK(publisher_->release("web"));
  EXPECT_EQ(records_in_use(), 0U);
  EXPECT_EQ(head(15000), 0U);
}

TEST_F(PublisherTest, RangesThatARemovedOneJoinedAreServedOn) {
  publish("low", "127.0.0.1:100-200:1100-1200", 1);
  publish("bridge", "127.0.0.2:150-300:1150-1300", 2);
  publish("high", "127.0.0.1:250-400:1250-1400", 3);
  ASSERT_OK(publisher_->release("bridge"));
  ASSERT_OK(publisher_->release("low"));
  EXPECT_EQ(served(260), std::multiset<std::string>{"127.0.0.1 -> 3:1260"});
  EXPECT_EQ(served(400), std::multiset<std::string>{"127.0.0.1 -> 3:1400"});
  EXPECT_EQ(head(150), 0U);
}

TEST_F(PublisherTest, ASuspendedSandboxKeepsItsPortsThatLeadNowhere) {
  publish("web", "8000:80", 1);
  ASSERT_OK(publisher_->serve("web", {}));
  EXPECT_TRUE(served(8000).empty());
  EXPECT_THAT(refusal("other", "8000:80"), HasSubstr("'web'"));
  ASSERT_OK(publisher_->serve("web", by(5)));
  EXPECT_EQ(served(8000), std::multiset<std::string>{"*4*6:: -> 5:80"});
}

TEST_F(PublisherTest, KeepsTheKernelFromChoosingPublishedPorts) {
  const auto reserved = [] {
    return netlink::read_sysctl("net/ipv4/ip_local_reserved_ports").value();
  };
  ASSERT_OK(netlink::write_sysctl("net/ipv4/ip_local_reserved_ports", "4000\n"));
  publish("web", "8000-8009:80-89", 1);
  EXPECT_EQ(reserved(), "4000,8000-8009,61000-65535");
  ASSERT_OK(publisher_->release("web"));
  EXPECT_EQ(reserved(), "4000,61000-65535");
}

TEST_F(PublisherTest, ReservesMoreSeparatePortsThanFitOnAPage) {
  const auto reserved = [] {
    return netlink::read_sysctl("net/ipv4/ip_local_reserved_ports").value();
  };
  ASSERT_OK(netlink::write_sysctl("net/ipv4/ip_local_reserved_ports", "4000\n"));
  PortSet ours;
  for (std::uint32_t port = 10000; port < 14000; port += 2) {
    ours.add(port, port);
  }
  ASSERT_GT(ours.to_string().size(), 2U * 4096U);
  ASSERT_OK(apply_reserved_ports(*store_, ours));
  EXPECT_EQ(reserved(), "4000," + ours.to_string());
  ASSERT_OK(apply_reserved_ports(*store_, PortSet()));
  EXPECT_EQ(reserved(), "4000");
}

TEST_F(PublisherTest, ARestartKeepsTheRecordsOfServedRangesAndClearsTheOthers) {
  publish("web", "8000-8009:80-89", 1);
  publish("gone", "127.0.0.1:9000:80", 2);
  publish("db", "127.0.0.1:5000-5010:80", 3);
  const std::uint32_t web = head(8000);
  const std::uint32_t db = head(5000);
  begin_life();
  ASSERT_OK(publisher_->adopt_records());
  EXPECT_EQ(served(8000), std::multiset<std::string>{"*4*6:: -> 1:80"});
  publish("web", "8000-8009:80-89", 1);
  publish("new", "7000:80", 4);
  ASSERT_OK(publisher_->sweep());
  EXPECT_EQ(head(8000), web);
  EXPECT_EQ(head(9000), 0U);
  EXPECT_EQ(head(5000), 0U);
  EXPECT_NE(head(7000), web);
  EXPECT_EQ(record(db).proto, 0);
  EXPECT_EQ(records_in_use(), 2U);
}

TEST_F(PublisherTest, TellsWhatSomebodyChangedAndARestartRepairsIt) {
  publish("web", "127.0.0.2:8000-8009:80-89", 1);
  publish("db", "127.0.0.1:8005-8019:5005-5019", 3);
  EXPECT_THAT(problems(), IsEmpty());
  auto& maps = plane_->maps();
  const std::uint32_t web = head(8000);
  ebn_publish foreign = record(web);
  foreign.next = 0;
  foreign.slot = 9;
  foreign.proto = 99;
  ASSERT_OK(maps.published.put(700, foreign));
  maps.port_index.set(IPPROTO_TCP, 8002, 8003, 700);
  maps.port_index.set(IPPROTO_TCP, 8011, 8011, 0);
  maps.port_index.set(IPPROTO_UDP, 53, 53, 701);
  maps.port_index.set(IPPROTO_TCP, 9999, 9999, web);
  ASSERT_OK(netlink::write_sysctl("net/ipv4/ip_local_reserved_ports", "8000-8018,61000-65535\n"));
  EXPECT_THAT(
      problems(),
      ElementsAre(
          HasSubstr(
              "port 127.0.0.2:8000-8009:80-89/tcp of sandbox 'web': tcp 8002-8003 of the host"),
          HasSubstr("sandbox 'db': tcp 8011 of the host does not lead to it"),
          HasSubstr("tcp 8002-8003 of the host leads to a published record of no sandbox"),
          HasSubstr("tcp 9999 of the host leads to a published record of another port"),
          HasSubstr("udp 53 of the host leads to a published record of no sandbox"),
          HasSubstr("ip_local_reserved_ports lacks 8019: ")));
  begin_life();
  ASSERT_OK(publisher_->adopt_records());
  publish("web", "127.0.0.2:8000-8009:80-89", 1);
  publish("db", "127.0.0.1:8005-8019:5005-5019", 3);
  ASSERT_OK(publisher_->sweep());
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(served(8002), std::multiset<std::string>{"127.0.0.2 -> 1:82"});
  EXPECT_EQ(head(53, IPPROTO_UDP), 0U);
  EXPECT_EQ(record(700).proto, 0);
}

} // namespace
} // namespace ebpfnet::network
