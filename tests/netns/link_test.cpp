// Bridges, veth pairs, and the tables of bridges, in the kernel.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/neighbour.hpp"
#include "tests/netns/fixture.hpp"

namespace ebpfnet::netlink {
namespace {

using Link = NetnsTest;

std::string bridge_setting(std::string_view name) {
  // The caller mounts a sysfs of its own: one shows the namespace in which it was mounted.
  std::string path = "/sys/class/net/br0/bridge/";
  path += name;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 64> buffer{};
  const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got) - 1) : "unreadable";
}

TEST_F(Link, BridgeHasItsFixedMacAliasAndSettings) {
  const BridgeSpec spec{"br0", mac("02:42:ac:11:00:01"), 1400, "network catnet"};
  const IfIndex bridge = create_bridge(socket(), spec).value();
  const auto link = find_link(socket(), bridge).value();
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "br0");
  EXPECT_EQ(link->kind, "bridge");
  EXPECT_EQ(link->mac, spec.mac);
  EXPECT_EQ(link->mtu, 1400U);
  EXPECT_EQ(link->alias, spec.alias);
  EXPECT_FALSE(link->up);
  EXPECT_TRUE(link->has_ethernet_header);
  ASSERT_EQ(::mount("ebn-test", "/sys", "sysfs", 0, nullptr), 0) << std::strerror(errno);
  EXPECT_EQ(bridge_setting("stp_state"), "0");
  EXPECT_EQ(bridge_setting("forward_delay"), "0");
  EXPECT_EQ(bridge_setting("multicast_snooping"), "0");
  EXPECT_EQ(::umount2("/sys", MNT_DETACH), 0);
}

TEST_F(Link, BridgeKeepsMacAndMtuWhenPortsComeAndGo) {
  const UniqueFd netns = new_netns("a");
  const BridgeSpec spec{"br0", mac("fe:ff:ff:ff:ff:ff"), 1400, ""};
  const IfIndex bridge = create_bridge(socket(), spec).value();
  VethSpec port = veth(netns.get(), bridge);
  port.mtu = 1300;
  ASSERT_OK(create_veth(socket(), port));
  EXPECT_EQ(find_link(socket(), bridge).value()->mac, spec.mac);
  EXPECT_EQ(find_link(socket(), bridge).value()->mtu, 1400U);
  ASSERT_OK(delete_link(socket(), port.host_index));
  EXPECT_EQ(find_link(socket(), bridge).value()->mac, spec.mac);
  EXPECT_EQ(find_link(socket(), bridge).value()->mtu, 1400U);
}

TEST_F(Link, NamesTheBridgeThatExists) {
  new_bridge();
  const auto again = create_bridge(socket(), {"br0", mac("02:42:00:00:00:09"), 0, ""});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().sys_errno, EEXIST);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_TRUE(again.error().message.starts_with("create bridge 'br0': File exists"))
      << again.error().message;
}

TEST_F(Link, BridgeIsUndoneWhenItsMtuIsRefused) {
  const auto made = create_bridge(socket(), {"br0", mac("02:42:00:00:00:09"), 10'000'000, ""});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().sys_errno, EINVAL);
  // The kernel's own words (extended acknowledgement).
  EXPECT_NE(made.error().message.find("mtu greater than device maximum"), std::string::npos)
      << made.error().message;
  EXPECT_FALSE(find_link(socket(), "br0").value());
}

TEST_F(Link, VethHasChosenIndexAndItsPeerIsBornInsideItsNamespace) {
  const UniqueFd netns = new_netns("a");
  const IfIndex bridge = new_bridge();
  VethSpec spec = veth(netns.get(), bridge);
  spec.host_alias = "sandbox web";
  ASSERT_OK(create_veth(socket(), spec));

  const auto host = find_link(socket(), IfIndex(4711)).value();
  ASSERT_TRUE(host);
  EXPECT_EQ(host->name, "veth1");
  EXPECT_EQ(host->kind, "veth");
  EXPECT_EQ(host->mac, spec.host_mac);
  EXPECT_EQ(host->mtu, 1400U);
  EXPECT_EQ(host->alias, "sandbox web");
  EXPECT_EQ(host->master, bridge);
  EXPECT_GE(host->link_netnsid, 0);

  Socket inside = Socket::open_in(netns.get()).value();
  const auto peer = find_link(inside, "eth0").value();
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->mac, spec.peer_mac);
  EXPECT_EQ(peer->mtu, 1400U);
  EXPECT_FALSE(find_link(socket(), "eth0").value());
}

TEST_F(Link, VethHasCarrierOnlyWhenBothEndsAreUp) {
  const UniqueFd netns = new_netns("a");
  ASSERT_OK(create_veth(socket(), veth(netns.get())));
  ASSERT_OK(set_link_up(socket(), IfIndex(4711)));
  EXPECT_TRUE(find_link(socket(), "veth1").value()->up);
  EXPECT_FALSE(find_link(socket(), "veth1").value()->carrier);
  Socket inside = Socket::open_in(netns.get()).value();
  ASSERT_OK(set_link_up(inside, find_link(inside, "eth0").value()->index));
  EXPECT_TRUE(find_link(socket(), "veth1").value()->carrier);
  ASSERT_OK(set_link_down(socket(), IfIndex(4711)));
  EXPECT_FALSE(find_link(socket(), "veth1").value()->up);
}

TEST_F(Link, HostEndOfAVethHasNoIpv6Address) {
  const UniqueFd netns = new_netns("a");
  const VethSpec spec = veth(netns.get());
  ASSERT_OK(create_veth(socket(), spec));
  ASSERT_OK(set_link_up(socket(), spec.host_index));
  Socket inside = Socket::open_in(netns.get()).value();
  ASSERT_OK(set_link_up(inside, find_link(inside, "eth0").value()->index));
  // Both ends get theirs when the kernel tells them of the carrier.
  for (int i = 0; i < 500 && list_addresses(inside).value().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(list_addresses(inside).value().empty());
  EXPECT_TRUE(list_addresses(socket()).value().empty());
}

TEST_F(Link, VethWithAnMtuTooSmallForIpv6IsMade) {
  const UniqueFd netns = new_netns("a");
  VethSpec spec = veth(netns.get());
  spec.mtu = 1000;
  EXPECT_OK(create_veth(socket(), spec));
}

TEST_F(Link, VethIsUndoneWhenItsAliasIsRefused) {
  const UniqueFd netns = new_netns("a");
  VethSpec spec = veth(netns.get());
  spec.host_alias = std::string(300, 'x');
  const auto made = create_veth(socket(), spec);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("veth1"), std::string::npos);
  EXPECT_FALSE(find_link(socket(), "veth1").value());
  Socket inside = Socket::open_in(netns.get()).value();
  EXPECT_FALSE(find_link(inside, "eth0").value());
}

TEST_F(Link, TakenNamesAndIndexesAreConflictsThatLeaveNothing) {
  const UniqueFd a = new_netns("a");
  const UniqueFd b = new_netns("b");
  ASSERT_OK(create_veth(socket(), veth(a.get())));

  VethSpec same_index = veth(b.get());
  same_index.host_name = "veth2";
  VethSpec same_name = veth(b.get());
  same_name.host_index = IfIndex(4712);
  VethSpec same_peer = veth(a.get());
  same_peer.host_name = "veth3";
  same_peer.host_index = IfIndex(4713);
  for (const VethSpec& spec : {same_index, same_name, same_peer}) {
    const auto made = create_veth(socket(), spec);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::conflict) << made.error().message;
    EXPECT_NE(made.error().message.find(spec.host_name), std::string::npos);
  }
  EXPECT_EQ(list_links(socket()).value().size(), 2U); // lo, veth1
  Socket inside = Socket::open_in(b.get()).value();
  EXPECT_FALSE(find_link(inside, "eth0").value());
}

TEST_F(Link, BadVethSpecsAreRefusedBeforeTheKernelIsAsked) {
  VethSpec spec = veth(-1);
  EXPECT_EQ(create_veth(socket(), spec).error().code, ErrorCode::invalid);
  const UniqueFd netns = new_netns("a");
  spec = veth(netns.get());
  spec.peer_name = "eth%d";
  EXPECT_EQ(create_veth(socket(), spec).error().code, ErrorCode::invalid);
}

TEST_F(Link, VethWithAMissingBridgeLeavesNothing) {
  const UniqueFd netns = new_netns("a");
  EXPECT_FALSE(create_veth(socket(), veth(netns.get(), IfIndex(999))));
  EXPECT_FALSE(find_link(socket(), "veth1").value());
}

TEST_F(Link, DeletionIsFineTwice) {
  const IfIndex bridge = new_bridge();
  EXPECT_OK(delete_link(socket(), bridge));
  EXPECT_OK(delete_link(socket(), bridge));
  EXPECT_FALSE(find_link(socket(), bridge).value());
}

TEST_F(Link, ChangesOfAMissingInterfaceAreErrorsThatNameIt) {
  for (const auto& result :
       {set_link_up(socket(), IfIndex(999)), set_link_mtu(socket(), IfIndex(999), 1400),
        set_link_alias(socket(), IfIndex(999), "x")}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::not_found);
    EXPECT_NE(result.error().message.find("999"), std::string::npos);
  }
}

TEST_F(Link, ListIsWholeWithHundredsOfInterfaces) {
  const UniqueFd netns = new_netns("a");
  for (std::uint32_t i = 0; i < 200; ++i) {
    VethSpec spec = veth(netns.get());
    spec.host_name = fmt::format("veth{}", i);
    spec.peer_name = fmt::format("eth{}", i);
    spec.host_index = IfIndex(5000 + i);
    ASSERT_OK(create_veth(socket(), spec));
  }
  EXPECT_EQ(list_links(socket()).value().size(), 201U);
}

TEST_F(Link, ListsAreWholeWhileInterfacesComeAndGo) {
  const UniqueFd netns = new_netns("a");
  for (std::uint32_t i = 0; i < 60; ++i) {
    VethSpec spec = veth(netns.get());
    spec.host_name = fmt::format("veth{}", i);
    spec.peer_name = fmt::format("eth{}", i);
    spec.host_index = IfIndex(5000 + i);
    ASSERT_OK(create_veth(socket(), spec));
  }
  std::atomic<bool> stop = false;
  std::thread churn([&] { // shares the namespaces of this thread
    Socket own = Socket::open().value();
    while (!stop) {
      const auto bridge = create_bridge(own, {"br9", mac("02:42:00:00:00:09"), 0, ""});
      EXPECT_OK(bridge);
      EXPECT_OK(delete_link(own, *bridge));
    }
  });
  for (int round = 0; round < 50; ++round) {
    const auto links = list_links(socket());
    EXPECT_TRUE(links || links.error().sys_errno == EAGAIN) << links.error().story();
    if (links) {
      EXPECT_EQ(
          std::ranges::count_if(*links, [](const LinkInfo& link) { return link.kind == "veth"; }),
          60);
    }
  }
  stop = true;
  churn.join();
}

TEST_F(Link, PortOptionsAreTaken) {
  const UniqueFd netns = new_netns("a");
  ASSERT_OK(create_veth(socket(), veth(netns.get(), new_bridge())));
  EXPECT_OK(set_bridge_port(socket(), IfIndex(4711),
                            {.learning = false, .unicast_flood = false, .hairpin = true}));
  ASSERT_EQ(::mount("ebn-test", "/sys", "sysfs", 0, nullptr), 0) << std::strerror(errno);
  EXPECT_EQ(bridge_setting("../../veth1/brport/learning"), "0");
  EXPECT_EQ(bridge_setting("../../veth1/brport/unicast_flood"), "0");
  EXPECT_EQ(bridge_setting("../../veth1/brport/hairpin_mode"), "1");
  EXPECT_EQ(bridge_setting("../../veth1/brport/broadcast_flood"), "1");
  EXPECT_EQ(bridge_setting("../../veth1/brport/isolated"), "0");
  EXPECT_EQ(::umount2("/sys", MNT_DETACH), 0);
  EXPECT_FALSE(set_bridge_port(socket(), IfIndex(1), {})); // lo is no port
}

TEST_F(Link, PortsAreAttachedAndDetached) {
  const UniqueFd netns = new_netns("a");
  const IfIndex bridge = new_bridge();
  ASSERT_OK(create_veth(socket(), veth(netns.get())));
  EXPECT_OK(set_link_master(socket(), IfIndex(4711), bridge));
  EXPECT_EQ(find_link(socket(), "veth1").value()->master, bridge);
  EXPECT_OK(set_link_master(socket(), IfIndex(4711), IfIndex()));
  EXPECT_EQ(find_link(socket(), "veth1").value()->master, IfIndex());
}

TEST_F(Link, StaticFdbEntriesAreAddedTwiceAndRemovedTwice) {
  const UniqueFd netns = new_netns("a");
  const IfIndex bridge = new_bridge();
  ASSERT_OK(create_veth(socket(), veth(netns.get(), bridge)));
  const Mac container = mac("02:42:00:00:00:03");
  EXPECT_OK(add_fdb(socket(), IfIndex(4711), container));
  EXPECT_OK(add_fdb(socket(), IfIndex(4711), container));
  const auto is_ours = [&](const FdbEntry& entry) { return entry.mac == container; };
  const auto entries = list_fdb(socket()).value();
  ASSERT_EQ(std::ranges::count_if(entries, is_ours), 1);
  const FdbEntry& entry = *std::ranges::find_if(entries, is_ours);
  EXPECT_EQ(entry.port, IfIndex(4711));
  EXPECT_EQ(entry.bridge, bridge);
  EXPECT_TRUE(entry.is_static);
  EXPECT_FALSE(entry.is_local);
  EXPECT_OK(remove_fdb(socket(), IfIndex(4711), container));
  EXPECT_OK(remove_fdb(socket(), IfIndex(4711), container));
  EXPECT_OK(remove_fdb(socket(), IfIndex(999), container));
  EXPECT_EQ(std::ranges::count_if(list_fdb(socket()).value(), is_ours), 0);
}

// Without flooding, a frame from one container reaches another only through its static entry; an
// entry of the local kind would take it to the host.
TEST_F(Link, StaticFdbEntryForwardsFramesToThePort) {
  const IfIndex bridge = new_bridge();
  const UniqueFd a = new_netns("a");
  const UniqueFd b = new_netns("b");
  const VethSpec to = veth(a.get(), bridge);
  const VethSpec from{"veth2", IfIndex(4712), mac("02:42:00:00:00:04"), "",     1400,
                      bridge,  "eth0",        mac("02:42:00:00:00:05"), b.get()};
  int sending_index = 0;
  for (const VethSpec* spec : {&to, &from}) {
    ASSERT_OK(create_veth(socket(), *spec));
    ASSERT_OK(
        set_bridge_port(socket(), spec->host_index, {.learning = false, .unicast_flood = false}));
    ASSERT_OK(set_link_up(socket(), spec->host_index));
    Socket inside = Socket::open_in(spec->peer_netns_fd).value();
    const IfIndex peer = find_link(inside, "eth0").value()->index;
    ASSERT_OK(set_link_up(inside, peer));
    sending_index = static_cast<int>(peer.value);
  }

  constexpr std::uint16_t kProtocol = 0x88b5; // for local experiments, IEEE 802
  const UniqueFd receiver =
      open_socket_in(a.get(), AF_PACKET, SOCK_DGRAM, htons(kProtocol)).value();
  const UniqueFd sender = open_socket_in(b.get(), AF_PACKET, SOCK_DGRAM, 0).value();
  sockaddr_ll target{};
  target.sll_family = AF_PACKET;
  target.sll_protocol = htons(kProtocol);
  target.sll_ifindex = sending_index;
  target.sll_halen = ETH_ALEN;
  std::ranges::copy(to.peer_mac.bytes(), target.sll_addr);
  const auto arrives = [&] {
    EXPECT_EQ(::sendto(sender.get(), "frame", 5, 0, reinterpret_cast<const sockaddr*>(&target),
                       sizeof(target)),
              5)
        << std::strerror(errno);
    pollfd readable{receiver.get(), POLLIN, 0};
    return ::poll(&readable, 1, 300) == 1;
  };
  EXPECT_FALSE(arrives());
  ASSERT_OK(add_fdb(socket(), to.host_index, to.peer_mac));
  EXPECT_TRUE(arrives());
}

TEST_F(Link, FdbOfSomethingThatIsNoPortIsAnError) {
  const auto added = add_fdb(socket(), IfIndex(1), mac("02:42:00:00:00:03"));
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("02:42:00:00:00:03"), std::string::npos);
}

TEST_F(Link, NeighboursOfBothFamiliesAreReplacedAndRemoved) {
  const IfIndex bridge = new_bridge();
  for (const char* address : {"192.0.2.9", "2001:db8::9"}) {
    EXPECT_OK(add_neighbour(socket(), bridge, ip(address), mac("02:42:00:00:00:03")));
    EXPECT_OK(add_neighbour(socket(), bridge, ip(address), mac("02:42:00:00:00:04")));
    EXPECT_OK(remove_neighbour(socket(), bridge, ip(address)));
    EXPECT_OK(remove_neighbour(socket(), bridge, ip(address)));
    EXPECT_FALSE(add_neighbour(socket(), IfIndex(999), ip(address), mac("02:42:00:00:00:04")));
  }
}

} // namespace
} // namespace ebpfnet::netlink
