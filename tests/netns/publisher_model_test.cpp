// Random publishing: after every step the chains that a packet would walk are compared with a plain
// list of what is published.
#include <random>

#include "tests/netns/publisher_fixture.hpp"

namespace ebpfnet::network {
namespace {

using testing::IsEmpty;

struct Published {
  std::string sandbox;
  api::PortSpec spec;
  Servers servers; // none: suspended
};

std::uint32_t server6(const Servers& servers) {
  return (servers.ipv6 == Slot() ? servers.ipv4 : servers.ipv6).value;
}

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
      serve(sandbox, {});
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
      model_.push_back({sandbox, added->front(), {}});
      const std::uint32_t slot = 1 + random_() % 100;
      const Servers kinds[] = {
          by(slot), {Slot(slot), Slot(slot + 100)}, {Slot(slot), {}}, {{}, Slot(slot)}};
      serve(sandbox, kinds[random_() % 4]);
    }
  }

  void serve(const std::string& sandbox, const Servers& servers) {
    ASSERT_OK(publisher_->serve(sandbox, servers));
    for (Published& each : model_) {
      each.servers = each.sandbox == sandbox ? servers : each.servers;
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
      ASSERT_OK(publisher_->serve(each.sandbox, each.servers));
    }
    ASSERT_OK(publisher_->sweep());
  }

  void compare(int number) {
    std::size_t serving = 0;
    for (const Published& each : model_) {
      serving += answers(each, each.spec.host_first).size();
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
    for (const Published& each : model_) {
      const api::PortSpec& spec = each.spec;
      const bool same = (spec.protocol == "tcp") == (protocol == IPPROTO_TCP);
      if (same && port >= spec.host_first && port <= spec.host_last) {
        out.merge(answers(each, port));
      }
    }
    return out;
  }

  // Of its records: one per endpoint that serves a family.
  std::multiset<std::string> answers(const Published& each, std::uint16_t port) {
    const api::PortSpec& spec = each.spec;
    const IpAddress host = spec.host_ip.empty() ? IpAddress() : netlink::ip(spec.host_ip);
    const unsigned any4 = host.is_unspecified() ? EBN_PUB_ANY4 : 0;
    const unsigned any6 = host.is_unspecified() ? EBN_PUB_ANY6 : 0;
    const std::uint32_t slot4 = spec.host_ip.empty() || host.is_v4() ? each.servers.ipv4.value : 0;
    const std::uint32_t slot6 = host.is_v4() ? 0 : server6(each.servers);
    const IpAddress shown = host.is_unspecified() ? IpAddress() : host;
    const auto target = static_cast<std::uint16_t>(spec.first + port - spec.host_first);
    if (slot4 == slot6) {
      return slot4 == 0 ? std::multiset<std::string>()
                        : std::multiset<std::string>{answer(shown, any4 | any6, slot4, target)};
    }
    std::multiset<std::string> out;
    for (const auto& [slot, flags] : {std::pair(slot4, any4), {slot6, any6}}) {
      if (slot != 0) {
        out.insert(answer(shown, flags, slot, target));
      }
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

} // namespace
} // namespace ebpfnet::network
