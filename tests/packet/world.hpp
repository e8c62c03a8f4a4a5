// The host in which packet tests run: a network namespace with bridges, sandboxes and an uplink,
// the maps filled as the daemon fills them, and the shipped programs. A test process has one at a
// time; what packets leave in the maps is cleared before each test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/netlink/netns.hpp"
#include "daemon/netlink/socket.hpp"
#include "loader/data_plane.hpp"
#include "tests/packet/frame.hpp"

namespace ebpfnet::packet {

// Actions of <linux/pkt_cls.h>.
inline constexpr int kUnspec = -1;
inline constexpr int kShot = 2;
inline constexpr int kRedirect = 7;

enum : std::uint32_t { kCat = 1, kDog, kInternal, kNoIcc, kTwin, kNetworks };
enum : std::uint32_t {
  kCatWeb = 1,
  kCatDb,
  kDogWeb,
  kInternalA,
  kInternalB,
  kNoIccA,
  kNoIccB,
  kTwinWeb, // same subnet and address as cat-web, another network
  kTwinDb,
  kCatApp,
  kSlots,
};

struct Endpoint {
  std::uint32_t slot = 0;
  std::uint32_t network = 0;
  IpAddress ip;
  Mac mac;
  IpAddress gateway;
  Mac gateway_mac;
  Mac veth_mac;           // of the host side
  IpAddress host_address; // unspecified: the endpoint's own
  IpAddress ip6;
  IpAddress gateway6;

  std::uint32_t sandbox() const { return slot; }
  std::uint32_t veth() const { return EBN_VETH_IFINDEX_BASE + slot; }
  std::uint32_t bridge() const { return EBN_BRIDGE_IFINDEX_BASE + network; }
};

// What a program did with a frame.
struct Outcome {
  int action = 0;
  Bytes bytes;
};

class World {
public:
  explicit World(const ebn_config& config);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Empties what packets wrote, removes what tests published, and sets networks and endpoints anew.
  void reset();

  const Endpoint& at(std::uint32_t slot) const { return endpoints_.at(slot); }
  const ebn_config& config() const { return config_; }
  std::uint32_t uplink() const { return uplink_; }
  const Mac& uplink_mac() const { return uplink_mac_; }
  const Mac& router_mac() const { return router_mac_; }
  IpAddress host() const { return ip("192.0.2.10"); }
  IpAddress host6() const { return ip("2001:db8::10"); }
  int sandbox_netns(std::uint32_t slot) const { return netns_.at(slot).get(); }
  int outside_netns() const { return outside_.get(); }

  // `from` stands for skb->ifindex, `came_by` for skb->ingress_ifindex, `gso_size` for what the
  // packet becomes segments of.
  Outcome run(const std::string& program, const Bytes& bytes, std::uint32_t from,
              std::uint32_t came_by = 0, std::uint32_t gso_size = 0);
  Outcome from_container(std::uint32_t slot, const Bytes& bytes);
  Outcome from_uplink(const Bytes& bytes);
  Outcome to_uplink(std::uint32_t network, const Bytes& bytes);
  // Whether packets come with a sum over all their bytes, as many devices give it: the kernel then
  // checks that the sum still holds when a program is done. Linux 6.16 and stable releases.
  void set_checksum_complete(bool on) { checksum_complete_ = on; }
  // A frame on its way into the sandbox; `came_by` is 0 for one that the host made itself.
  Outcome to_container(std::uint32_t slot, std::uint32_t came_by, const Bytes& bytes);

  void set_endpoint_flags(std::uint32_t slot, std::uint16_t flags);
  void set_network_flags(std::uint32_t network, std::uint32_t flags);
  // Host ports first..last of `host` (unspecified: every IPv4 address) go to the endpoint's ports
  // from `target`. `next` is the record of an overlapping range that the same ports also have.
  std::uint32_t publish(std::uint8_t proto, std::uint16_t first, std::uint16_t last,
                        const IpAddress& host, std::uint32_t slot, std::uint16_t target,
                        std::uint32_t next = 0);

  std::uint64_t drops(std::uint32_t network, ebn_drop_reason reason) const;
  std::uint64_t all_drops() const;
  std::uint64_t packets(std::uint32_t network, ebn_path path) const;
  std::uint32_t flows_counted(std::uint32_t slot) const;

  view::Maps& maps() const { return plane_->maps(); }
  loader::DataPlane& plane() { return *plane_; }
  netlink::Socket& socket() { return *socket_; }
  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path bpffs() const { return directory_ / "bpf"; }
  std::filesystem::path pins() const { return bpffs() / fmt::format("v{}", +EBN_SCHEMA_VERSION); }

private:
  void make_devices();
  void make_network(std::uint32_t network);
  void make_sandbox(std::uint32_t slot);
  void connect_to_bridge(const Endpoint& ep);
  void make_uplink();
  void write_networks();
  void write_endpoint(const Endpoint& ep, std::uint16_t flags);

  ebn_config config_;
  // A place that every system has, covered in a mount namespace of the World's own: nothing is left
  // however the process ends.
  std::filesystem::path directory_ = "/mnt";
  std::optional<netlink::Socket> socket_;
  std::unique_ptr<loader::DataPlane> plane_;
  std::map<std::uint32_t, Endpoint> endpoints_;
  std::map<std::uint32_t, UniqueFd> netns_;
  UniqueFd outside_;
  std::uint32_t uplink_ = 0;
  Mac uplink_mac_;
  Mac router_mac_;
  std::uint32_t next_record_ = 1;
  bool checksum_complete_ = false;
};

ebn_config default_config();

// Prints the story of an error instead of "false".
template <class T> testing::AssertionResult succeeded(const Result<T>& result) {
  return result ? testing::AssertionSuccess()
                : testing::AssertionFailure() << result.error().story();
}

// The World of this process, with the configuration that config() gives. Loading the programs takes
// longer than most tests, so suites one after the other with the same configuration have the same.
World& world_with(ebn_config (*config)());
// Ends it: the next suite begins with a new one.
void end_world();

// Asks what the programs return. World::reset() before each test undoes all that such a test can
// do.
template <ebn_config (*Config)()> class PacketTestWith : public testing::Test {
protected:
  static void SetUpTestSuite() {
    if (::geteuid() == 0) {
      world_ = &world_with(Config);
    }
  }
  void SetUp() override {
    if (world_ == nullptr) {
      GTEST_SKIP() << "needs root";
    }
    world_->reset();
  }
  static World& world() { return *world_; }

private:
  static inline World* world_ = nullptr;
};
using PacketTest = PacketTestWith<default_config>;

// Attaches programs and changes devices: has a World that no other suite sees.
class LivePacketTest : public PacketTest {
protected:
  static void SetUpTestSuite() {
    end_world();
    PacketTest::SetUpTestSuite();
  }
  static void TearDownTestSuite() { end_world(); }
};

} // namespace ebpfnet::packet
