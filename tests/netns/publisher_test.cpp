// Published ports in the maps of a real data plane: after every step the chains that a packet would
// walk are compared with a plain list of what is published.
#include "daemon/network/publisher.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

#include <boost/asio/io_context.hpp>
#include <random>

#include "daemon/netlink/sysctl.hpp"
#include "daemon/network/reserved_ports.hpp"
#include "maps/view/convert.hpp"
#include "tests/netns/fixture.hpp"

namespace ebpfnet::network {
namespace {

using netlink::succeeded;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PublisherTest : public netlink::NetnsTest {
protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    ASSERT_OK(netlink::set_link_up(socket(), IfIndex(1)));
    std::filesystem::create_directory(file("bpf"));
    ASSERT_EQ(::mount("bpf", file("bpf").c_str(), "bpf", 0, nullptr), 0) << std::strerror(errno);
    ebn_config config{};
    config.masq_first = 61000;
    config.masq_last = 65535;
    auto plane = loader::DataPlane::open({file("bpf") / "ebn", config});
    ASSERT_OK(plane);
    plane_ = std::move(*plane);
    auto store = state::Store::open(file("state"));
    ASSERT_OK(store);
    store_.emplace(std::move(*store));
    dns_.emplace(loop_, names_);
    auto links = netlink::LinkRemover::create([](const std::function<void()>& job) { job(); });
    ASSERT_OK(links);
    links_ = std::move(*links);
    context_.emplace(Context{{}, "test", *store_, *plane_, names_, *dns_, registry_, *links_});
    begin_life();
  }

  void TearDown() override {
    publisher_.reset();
    context_.reset();
    links_.reset();
    dns_.reset();
    plane_.reset();
    store_.reset();
    NetnsTest::TearDown();
  }

  // A daemon that starts: nothing in memory, the maps as they are.
  void begin_life() { publisher_.emplace(*context_); }

  Result<std::vector<api::PortSpec>> reserve(const std::string& sandbox, std::string_view spec,
                                             bool check_host = true) {
    Sandbox owner;
    owner.id = owner.name = sandbox;
    return publisher_->reserve(owner, {api::PortSpec::from(spec).value()}, check_host);
  }
  std::string refusal(const std::string& sandbox, std::string_view spec) {
    const auto done = reserve(sandbox, spec);
    return done ? "accepted" : done.error().message;
  }
  void publish(const std::string& sandbox, std::string_view spec, std::uint32_t slot) {
    ASSERT_OK(reserve(sandbox, spec));
    ASSERT_OK(publisher_->serve(sandbox, Slot(slot)));
  }

  std::vector<std::string> problems() { return publisher_->problems().value(); }

  std::uint32_t head(std::uint16_t port, std::uint8_t protocol = IPPROTO_TCP) {
    return plane_->maps().port_index.get(protocol, port);
  }
  ebn_publish record(std::uint32_t id) { return *plane_->maps().published.get(id).value(); }

  // What a packet to this port can find: "ADDRESS or *4 *6 -> slot:port", by walking the chain.
  std::multiset<std::string> served(std::uint16_t port, std::uint8_t protocol = IPPROTO_TCP) {
    std::multiset<std::string> out;
    int steps = 0;
    for (std::uint32_t id = head(port, protocol); id != 0;) {
      const ebn_publish found = record(id);
      EXPECT_EQ(found.proto, protocol) << "port " << port << " leads to record " << id;
      if (++steps > EBN_MAX_PUBLISH_CHAIN || found.proto != protocol) {
        ADD_FAILURE() << "the chain of port " << port << " is broken";
        break;
      }
      if (found.first <= port && port <= found.last) {
        const auto target = static_cast<std::uint16_t>(found.target + (port - found.first));
        out.insert(answer(view::from_abi(found.host), found.flags, found.slot, target));
      }
      id = found.next;
    }
    return out;
  }
  static std::string answer(const IpAddress& host, unsigned flags, std::uint32_t slot,
                            std::uint16_t port) {
    return fmt::format("{}{}{} -> {}:{}", (flags & EBN_PUB_ANY4) != 0 ? "*4" : "",
                       (flags & EBN_PUB_ANY6) != 0 ? "*6" : "", host.to_string(), slot, port);
  }

  std::size_t records_in_use() {
    std::size_t used = 0;
    for (std::uint32_t id = 1; id < EBN_MAX_PUBLISHES; ++id) {
      used += record(id).proto != 0 ? 1 : 0;
    }
    return used;
  }

  boost::asio::io_context loop_;
  services::Registry names_;
  Registry registry_;
  std::optional<state::Store> store_;
  std::unique_ptr<loader::DataPlane> plane_;
  std::optional<dns::Server> dns_;
  std::unique_ptr<netlink::LinkRemover> links_;
  std::optional<Context> context_;
  std::optional<Publisher> publisher_;
};

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
  ASSERT_OK(publisher_->suspend("web"));
  EXPECT_TRUE(served(8000).empty());
  EXPECT_THAT(refusal("other", "8000:80"), HasSubstr("'web'"));
  ASSERT_OK(publisher_->serve("web", Slot(5)));
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

// Random publishing against a plain list.
struct Published {
  std::string sandbox;
  api::PortSpec spec;
  std::uint32_t slot = 0; // 0: suspended
};

class PublisherModel : public PublisherTest {
protected:
  static constexpr std::uint16_t kLow = 100, kHigh = 140;

  void step() {
    const std::string sandbox = fmt::format("s{}", random_() % 8);
    switch (random_() % 6) {
    case 0:
      std::erase_if(model_, [&](const auto& p) { return p.sandbox == sandbox; });
      ASSERT_OK(publisher_->release(sandbox));
      break;
    case 1:
      serve(sandbox, 0);
      ASSERT_OK(publisher_->suspend(sandbox));
      break;
    case 2:
      unpublish_one();
      break;
    default:
      add(sandbox);
    }
  }

  void add(const std::string& sandbox) {
    constexpr const char* kHosts[] = {
        "", "0.0.0.0:", "[::]:", "127.0.0.1:", "[::1]:", "127.0.0.2:", "192.0.2.1:"};
    const unsigned first = kLow + random_() % 35;
    const unsigned last = std::min<unsigned>(first + random_() % 12, kHigh);
    const std::string text = fmt::format("{}{}-{}:{}-{}/{}", kHosts[random_() % 7], first, last,
                                         first + 1000, last + 1000, random_() % 4 ? "tcp" : "udp");
    const auto added = reserve(sandbox, text, false);
    if (added) {
      model_.push_back({sandbox, added->front(), 0});
      const std::uint32_t slot = 1 + random_() % 100;
      ASSERT_OK(publisher_->serve(sandbox, Slot(slot)));
      serve(sandbox, slot);
    }
  }

  void serve(const std::string& sandbox, std::uint32_t slot) {
    for (Published& each : model_) {
      each.slot = each.sandbox == sandbox ? slot : each.slot;
    }
  }

  void unpublish_one() {
    if (!model_.empty()) {
      const auto at = model_.begin() + static_cast<long>(random_() % model_.size());
      ASSERT_OK(publisher_->release_one(at->sandbox, at->spec));
      model_.erase(at);
    }
  }

  // A restart: what is on record is reserved and served again, in another order.
  void restart() {
    begin_life();
    ASSERT_OK(publisher_->adopt_records());
    std::ranges::shuffle(model_, random_);
    for (const Published& each : model_) {
      Sandbox owner;
      owner.id = owner.name = each.sandbox;
      ASSERT_OK(publisher_->reserve(owner, {each.spec}, false));
    }
    for (const Published& each : model_) {
      if (each.slot != 0) {
        ASSERT_OK(publisher_->serve(each.sandbox, Slot(each.slot)));
      }
    }
    ASSERT_OK(publisher_->sweep());
  }

  void compare(int number) {
    std::size_t serving = 0;
    for (const Published& each : model_) {
      serving += each.slot != 0 ? 1U : 0U;
    }
    if (number % 10 == 9) { // a look at every row of the map
      ASSERT_EQ(records_in_use(), serving) << "after step " << number;
      ASSERT_THAT(problems(), IsEmpty()) << "after step " << number;
    }
    for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
      for (std::uint16_t port = kLow - 1; port <= kHigh + 1; ++port) {
        ASSERT_EQ(served(port, protocol), expected(port, protocol))
            << "port " << port << " of protocol " << int{protocol} << " after step " << number;
      }
    }
  }

  std::multiset<std::string> expected(std::uint16_t port, std::uint8_t protocol) {
    std::multiset<std::string> out;
    for (const auto& [sandbox, spec, slot] : model_) {
      const bool same = (spec.protocol == "tcp") == (protocol == IPPROTO_TCP);
      if (!same || slot == 0 || port < spec.host_first || port > spec.host_last) {
        continue;
      }
      const IpAddress host = spec.host_ip.empty() ? IpAddress() : netlink::ip(spec.host_ip);
      const unsigned flags = spec.host_ip.empty() ? EBN_PUB_ANY4 | EBN_PUB_ANY6
                             : !host.is_unspecified()
                                 ? 0U
                                 : unsigned{host.is_v4() ? EBN_PUB_ANY4 : EBN_PUB_ANY6};
      const auto target = static_cast<std::uint16_t>(spec.first + port - spec.host_first);
      out.insert(answer(host.is_unspecified() ? IpAddress() : host, flags, slot, target));
    }
    return out;
  }

  std::mt19937 random_;
  std::vector<Published> model_;
};

TEST_F(PublisherModel, ServesExactlyWhatIsPublishedAfterAnySteps) {
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    random_.seed(seed);
    for (int number = 0; number < 150 && !HasFatalFailure(); ++number) {
      step();
      if (!HasFatalFailure() && number % 40 == 39) {
        restart();
      }
      if (!HasFatalFailure()) {
        compare(number);
      }
    }
    if (HasFatalFailure()) {
      return;
    }
  }
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
