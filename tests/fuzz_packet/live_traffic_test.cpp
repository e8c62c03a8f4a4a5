// Random traffic on real devices with the shipped programs attached: frames are written in the
// namespaces of containers and on the wire behind the uplink, and whatever comes out anywhere is
// held against the rules. Each frame is also accounted for: it comes out, a counter tells why not,
// or the host's stack had it.
#include <fmt/format.h>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/neighbour.hpp"
#include "daemon/netlink/netns.hpp"
#include "tests/fuzz_packet/census.hpp"
#include "tests/fuzz_packet/generator.hpp"
#include "tests/fuzz_packet/rewrite.hpp"
#include "tests/fuzz_packet/rules.hpp"
#include "tests/fuzz_packet/segment.hpp"
#include "tests/packet/live.hpp"

namespace ebpfnet::packet {
namespace {

constexpr unsigned kScenes = 30;
constexpr unsigned kFrames = 500; // of one scene
constexpr int kEnough = 5;        // failures after which a run ends

enum class Place { wire, container, bridge };

struct Seen {
  Place place;
  std::uint32_t number; // of the slot or the network
  Caught caught;
  const Shot* shot = nullptr;
};

// What became of one shot.
struct Fate {
  std::vector<Seen> seen; // also what stacks sent meanwhile
  std::vector<const Seen*> copies;
  Counted counted;
  bool only_its_own = true; // nothing else moved

  std::uint64_t drops() const {
    std::uint64_t out = 0;
    for (const Counted::Drop& drop : counted.drops) {
      out += drop.times;
    }
    return out;
  }
  std::uint64_t packets(std::initializer_list<unsigned> paths) const {
    std::uint64_t out = 0;
    for (const Counted::Path& path : counted.paths) {
      out += std::ranges::find(paths, path.path) != paths.end() ? path.packets : 0;
    }
    return out;
  }
};

class RandomTraffic : public LivePacketTest {
protected:
  void SetUp() override {
    LivePacketTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    calm_stack();
    for (std::uint32_t slot = 1; slot < kSlots; ++slot) {
      ASSERT_TRUE(succeeded(netlink::run_in_netns(world().sandbox_netns(slot), calm_stack)));
    }
    ASSERT_TRUE(succeeded(netlink::run_in_netns(world().outside_netns(), calm_stack)));
    // Everybody is on the wire: nothing waits for an answer to ARP.
    for (std::uint64_t last = 1; last < 255; ++last) {
      const IpAddress there = ip("192.0.2.0").plus(last);
      if (there != world().host()) {
        ASSERT_TRUE(succeeded(netlink::add_neighbour(world().socket(), IfIndex(world().uplink()),
                                                     there, world().router_mac())));
      }
    }
    for (std::uint32_t slot = 1; slot < kSlots; ++slot) {
      make_known(world().at(slot));
    }
    attach_all(world());
    pacer_.emplace(world().socket());
    wire_.emplace(world().outside_netns(), "eth0");
    for (std::uint32_t slot = 1; slot < kSlots; ++slot) {
      containers_.emplace(slot, Tap(world().sandbox_netns(slot), "eth0"));
    }
    const UniqueFd host = own_netns();
    for (std::uint32_t network = 1; network < kNetworks; ++network) {
      bridges_.emplace(network, Tap(host.get(), fmt::format("br{}", network)));
    }
  }
  void TearDown() override { pacer_.reset(); }

  // Its stack works, and neither it nor the host needs ARP.
  static void make_known(const Endpoint& ep) {
    const int netns = world().sandbox_netns(ep.slot);
    give_address(netns, ep.ip, ep.ip.v4() >> 24 == 172 ? 16 : 24, ep.gateway);
    auto inside = netlink::Socket::open_in(netns).value();
    const IfIndex eth0 = netlink::find_link(inside, "eth0").value()->index;
    ASSERT_TRUE(succeeded(netlink::add_neighbour(inside, eth0, ep.gateway, ep.gateway_mac)));
    ASSERT_TRUE(
        succeeded(netlink::add_neighbour(world().socket(), IfIndex(ep.bridge()), ep.ip, ep.mac)));
  }

  // False: the device does not take it.
  bool send(const Shot& shot) {
    Tap& from = shot.slot == 0 ? *wire_ : containers_.at(shot.slot);
    const auto& ip = shot.reading.ip;
    const bool sent =
        shot.partial ? from.send(shot.bytes, ip->transport, *ip->sum) : from.send(shot.bytes);
    pacer_->settle();
    return sent;
  }

  std::vector<Seen> take(const std::vector<Shot>& shots) {
    std::vector<Seen> out;
    const auto add = [&](Place place, std::uint32_t number, Tap& tap) {
      for (Caught& caught : tap.take()) {
        Seen seen{place, number, std::move(caught)};
        const auto number_of = mark_of(seen.caught.bytes);
        const auto shot =
            std::ranges::find_if(shots, [&](const Shot& one) { return one.number == number_of; });
        if (shot != shots.end() && is_copy(seen.caught, *shot)) {
          seen.shot = &*shot;
        }
        out.push_back(std::move(seen));
      }
    };
    add(Place::wire, 0, *wire_);
    for (auto& [slot, tap] : containers_) {
      add(Place::container, slot, tap);
    }
    for (auto& [network, tap] : bridges_) {
      add(Place::bridge, network, tap);
    }
    return out;
  }

private:
  std::optional<Pacer> pacer_;
  std::optional<Tap> wire_;
  std::map<std::uint32_t, Tap> containers_;
  std::map<std::uint32_t, Tap> bridges_;
};

std::string broken_rule(const Rules& rules, const Scene& scene, const Seen& seen) {
  switch (seen.place) {
  case Place::wire:
    return rules.at_wire(seen.caught, seen.shot);
  case Place::container:
    return rules.at_container(*scene.party(seen.number), seen.caught, seen.shot);
  case Place::bridge:
    break;
  }
  return rules.at_bridge(seen.number, seen.caught, seen.shot);
}

Fate fate_of(const Shot& shot, std::vector<Seen> seen, Counted counted) {
  Fate out{std::move(seen), {}, std::move(counted), true};
  for (const Seen& one : out.seen) {
    if (one.shot == &shot && one.place != Place::bridge) {
      out.copies.push_back(&one);
    } else if (one.shot != &shot) {
      out.only_its_own = false;
    }
  }
  return out;
}

std::string lost_by_bridge(const Rules& rules, const Shot& shot, const Fate& fate) {
  const auto expected = rules.bridged_to(shot);
  std::set<std::uint32_t> reached;
  for (const Seen* copy : fate.copies) {
    if (copy->place == Place::wire || !reached.insert(copy->number).second) {
      return expected ? "bridged to the wire, or twice" : "";
    }
  }
  return !expected || *expected == reached
             ? ""
             : fmt::format("the bridge reached [{}] instead of [{}]", fmt::join(reached, " "),
                           fmt::join(*expected, " "));
}

// The answer that a program makes of a question comes back to the asker.
bool is_answered_arp(const Shot& shot, const Fate& fate) {
  return shot.reading.arp && shot.reading.arp->operation == 1 && fate.copies.size() == 1 &&
         fate.copies[0]->place == Place::container && fate.copies[0]->number == shot.slot;
}

enum class Account { carried, dropped, bridged, answered, passed, beside };

// Where the shot went, and what is wrong about the account. `beside`: something else moved too.
std::pair<Account, std::string> account(const Rules& rules, const Shot& shot, const Fate& fate) {
  const std::uint64_t drops = fate.drops();
  const std::uint64_t carried =
      fate.packets({EBN_PATH_LOCAL, EBN_PATH_OUT, EBN_PATH_IN, EBN_PATH_PUBLISHED});
  const std::uint64_t bridged = fate.packets({EBN_PATH_BRIDGE});
  const std::uint64_t entered = fate.packets({EBN_PATH_HOST});
  if (is_answered_arp(shot, fate) && drops + carried + bridged == 0) {
    return {Account::answered, ""};
  }
  if (drops + carried + bridged == 0 && shot.slot != 0) {
    return {Account::beside, "a container's frame that no counter knows"};
  }
  if (carried + bridged + entered == 0 && !fate.copies.empty()) {
    return {Account::beside, "it came out, and no counter knows"};
  }
  if (!fate.only_its_own) {
    return {Account::beside, ""};
  }
  // The host asks for addresses whenever it likes to, so what it sends (`entered`) says nothing.
  if (drops == 1 && carried + bridged == 0) {
    return {Account::dropped, fate.copies.empty() ? "" : "dropped, and came out"};
  }
  if (carried == 1 && drops + bridged == 0) {
    return {Account::carried, fate.copies.size() == 1 ? "" : "carried, and not come out once"};
  }
  if (bridged == 1 && carried == 0) {
    return {Account::bridged, lost_by_bridge(rules, shot, fate)};
  }
  if (shot.slot == 0 && drops + carried + bridged == 0) {
    return {Account::passed, ""};
  }
  return {Account::beside, ""};
}

// What a run must have seen to be worth anything.
struct Tally {
  std::map<std::string, unsigned> seen;
  std::map<Account, unsigned> accounts;
  std::map<std::string, unsigned> drops;

  void add(const Scene& scene, const Seen& one) {
    if (one.place == Place::bridge) {
      return;
    }
    std::string what = one.place == Place::wire ? "at the wire" : "at a container";
    if (one.shot == nullptr) {
      what += ", made by a stack";
    } else if (one.shot->slot == 0) {
      what += ", from the wire";
    } else if (one.place == Place::container) {
      const bool same = scene.party(one.shot->slot)->network == scene.party(one.number)->network;
      what += same ? ", from its network" : ", from another network";
    }
    if (one.caught.partial) {
      what += ", checksum left to a device";
    }
    ++seen[what];
  }
  void add(Account kind, const Counted& counted) {
    ++accounts[kind];
    for (const Counted::Drop& drop : counted.drops) {
      ++drops[std::string(view::drop_label(drop.reason))];
    }
  }
  void print() {
    for (const auto& [what, times] : seen) {
      std::printf("  %6u %s\n", times, what.c_str());
    }
    for (const auto& [what, times] : drops) {
      std::printf("  %6u dropped: %s\n", times, what.c_str());
    }
    std::printf("  %u carried, %u dropped, %u bridged, %u answered, %u left to the host, %u beside "
                "other frames\n",
                accounts[Account::carried], accounts[Account::dropped], accounts[Account::bridged],
                accounts[Account::answered], accounts[Account::passed], accounts[Account::beside]);
  }
  // Whatever the seed is, each way was taken and each kind of account was made.
  void expect_enough() {
    for (const char* what :
         {"at the wire", "at the wire, checksum left to a device", "at a container, from the wire",
          "at a container, from its network", "at a container, from another network",
          "at a container, from its network, checksum left to a device"}) {
      EXPECT_GE(seen[what], 20U) << what;
    }
    for (const char* reason : {"spoofed_mac", "spoofed_ip", "spoofed_arp", "vlan_tagged",
                               "ipv6_disabled", "isolated", "internal", "no_icc", "malformed"}) {
      EXPECT_GE(drops[reason], 5U) << reason;
    }
    for (const Account kind : {Account::carried, Account::dropped, Account::bridged,
                               Account::answered, Account::passed}) {
      EXPECT_GE(accounts[kind], 20U);
    }
  }
};

std::string describe(const Shot& shot) {
  return fmt::format("\n  sent by slot {}{}: {}", shot.slot, shot.partial ? " (partial)" : "",
                     hex(shot.bytes));
}

std::string describe(const Seen& seen) {
  const char* place = seen.place == Place::wire        ? "the wire"
                      : seen.place == Place::container ? "slot"
                                                       : "bridge";
  return fmt::format("\n  seen at {} {}{}: {}{}", place, seen.number,
                     seen.caught.partial ? " (partial)" : "", hex(seen.caught.bytes),
                     seen.shot == nullptr ? "\n  made by a stack" : describe(*seen.shot));
}

class LiveScene {
public:
  LiveScene(World& world, std::uint64_t seed, unsigned first_number)
      : random_(seed), scene_(world, random_), rules_(scene_), generator_(scene_, random_),
        first_number_(first_number) {
    shots_.reserve(kFrames); // shots stay where they are
  }

  const std::vector<Shot>& shots() const { return shots_; }

  // The next frame for which there is a place to send it from. The numbers go on from scene to
  // scene: stacks may still be talking about frames of the last one.
  const Shot& aim() {
    while (true) {
      const auto number = static_cast<std::uint32_t>(first_number_ + shots_.size());
      sample_ = generator_.next();
      const bool has_place =
          sample_.hook == Hook::from_container || sample_.hook == Hook::from_uplink;
      if (!has_place || !mark(sample_.bytes, number)) {
        continue;
      }
      Shot shot{number, sample_.slot, sample_.bytes, {}};
      shot.reading = read(shot.bytes);
      shot.partial = random_.one_in(3) && make_partial(shot.bytes);
      return shots_.emplace_back(std::move(shot));
    }
  }
  void take_back() { shots_.pop_back(); }

  // What is wrong about the fate of the last shot.
  std::vector<std::string> judge(const Fate& fate, Tally& tally) {
    std::vector<std::string> problems;
    const auto [kind, problem] = account(rules_, shots_.back(), fate);
    if (!problem.empty()) {
      problems.push_back(fmt::format("{}; it came out {} times", problem, fate.copies.size()));
    }
    for (const Seen& seen : fate.seen) {
      tally.add(scene_, seen);
      if (const std::string broken = broken_rule(rules_, scene_, seen); !broken.empty()) {
        problems.push_back(broken + describe(seen));
      }
    }
    tally.add(kind, fate.counted);
    for (const Seen* copy : fate.copies) {
      generator_.saw(sample_, {kRedirect, copy->caught.bytes});
    }
    return problems;
  }

private:
  Random random_;
  Scene scene_;
  Rules rules_;
  Generator generator_;
  unsigned first_number_;
  Sample sample_;
  std::vector<Shot> shots_;
};

TEST_F(RandomTraffic, KeepsToItsNetworksAddressesAndChecksums) {
  const Plan plan = Plan::from_environment();
  Tally tally;
  int failures = 0;
  for (unsigned number = 0; number < kScenes * plan.times && failures < kEnough; ++number) {
    const std::uint64_t seed = plan.seed + number;
    LiveScene scene(world(), seed, number * kFrames);
    static_cast<void>(take(scene.shots()));
    Census census(world());
    while (scene.shots().size() < kFrames && failures < kEnough) {
      const Shot& shot = scene.aim();
      if (!send(shot)) {
        scene.take_back();
        continue;
      }
      const Fate fate = fate_of(shot, take(scene.shots()), census.take());
      for (const std::string& problem : scene.judge(fate, tally)) {
        ++failures;
        ADD_FAILURE() << problem << "\n  EBPFNET_SEED=" << seed << ", frame "
                      << scene.shots().size() - 1 << describe(shot) << "\n  counted"
                      << fate.counted.to_string();
      }
    }
  }
  tally.print();
  if (failures < kEnough) {
    tally.expect_enough();
  }
}

} // namespace
} // namespace ebpfnet::packet
