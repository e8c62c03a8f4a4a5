// The parts of daemon/netlink that need neither root nor a kernel: names, paths, texts, message
// building.
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/message.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/netlink/sock_diag.hpp"
#include "daemon/netlink/sysctl.hpp"

namespace ebpfnet::netlink {
namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::from(text).value();
}

TEST(LinkName, AcceptsWhatTheKernelAccepts) {
  for (const char* name : {"eth0", "br-1234567890ab", "a.b", "wlan0@x", "x"}) {
    EXPECT_TRUE(check_link_name(name)) << name;
  }
}

TEST(LinkName, RefusesPatternsBlanksAndLengthsThatTheKernelWouldTwist) {
  for (const char* name :
       {"", ".", "..", "a/b", "eth%d", "a b", "a:1", "sixteen-letters-", "a\n"}) {
    Result<void> checked = check_link_name(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid);
  }
}

TEST(Sysctl, KeepsDotsOfInterfaceNames) {
  EXPECT_EQ(sysctl_path("net/ipv4/conf/eth0.5/forwarding").value(),
            "/proc/sys/net/ipv4/conf/eth0.5/forwarding");
}

TEST(Sysctl, RefusesPathsThatLeaveProcSys) {
  for (const char* key :
       {"", "/etc/passwd", "net/../../../etc/passwd", "net//ipv4", "net/ipv4/", "./kernel"}) {
    Result<std::string> path = sysctl_path(key);
    ASSERT_FALSE(path) << key;
    EXPECT_EQ(path.error().code, ErrorCode::invalid);
  }
}

TEST(MountInfo, FindsTheMountByItsNumberAndReadsItsPropagation) {
  const char* text = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                     "122 22 0:5 / /run/shared:9 rw - tmpfs tmpfs rw\n"
                     "23 22 0:6 / /run rw master:3 - tmpfs shared:7 rw\n"
                     "24 22 0:7 / /both rw master:3 shared:8 - tmpfs none rw\n";
  EXPECT_TRUE(mount_is_shared(text, 22));
  EXPECT_FALSE(mount_is_shared(text, 122));
  EXPECT_FALSE(mount_is_shared(text, 23));
  EXPECT_TRUE(mount_is_shared(text, 24));
  EXPECT_FALSE(mount_is_shared(text, 2));
  EXPECT_FALSE(mount_is_shared("", 22));
}

TEST(AddressesClash, AnyIpv4AddressMeetsIpv4AndDualStackSocketsOnly) {
  EXPECT_TRUE(addresses_clash(ip("0.0.0.0"), false, ip("0.0.0.0")));
  EXPECT_TRUE(addresses_clash(ip("127.0.0.1"), false, ip("0.0.0.0")));
  EXPECT_TRUE(addresses_clash(ip("::"), false, ip("0.0.0.0")));
  EXPECT_FALSE(addresses_clash(ip("::"), true, ip("0.0.0.0")));
  EXPECT_FALSE(addresses_clash(ip("::1"), false, ip("0.0.0.0")));
}

TEST(AddressesClash, UnspecifiedIpv6StandsForEveryAddress) {
  for (const char* bound : {"0.0.0.0", "192.0.2.1", "::", "2001:db8::1"}) {
    EXPECT_TRUE(addresses_clash(ip(bound), true, IpAddress())) << bound;
  }
}

TEST(AddressesClash, Ipv6AloneMeetsNoIpv4Socket) {
  EXPECT_FALSE(addresses_clash(ip("0.0.0.0"), false, IpAddress(), true));
  EXPECT_FALSE(addresses_clash(ip("192.0.2.1"), false, IpAddress(), true));
  EXPECT_TRUE(addresses_clash(ip("::"), false, IpAddress(), true));
  EXPECT_TRUE(addresses_clash(ip("::"), true, IpAddress(), true));
  EXPECT_TRUE(addresses_clash(ip("2001:db8::1"), true, IpAddress(), true));
}

TEST(AddressesClash, OneAddressMeetsItselfAndTheWildcard) {
  EXPECT_TRUE(addresses_clash(ip("192.0.2.1"), false, ip("192.0.2.1")));
  EXPECT_TRUE(addresses_clash(ip("0.0.0.0"), false, ip("192.0.2.1")));
  EXPECT_TRUE(addresses_clash(ip("::"), false, ip("192.0.2.1")));
  EXPECT_TRUE(addresses_clash(ip("::"), true, ip("2001:db8::1")));
  EXPECT_FALSE(addresses_clash(ip("192.0.2.2"), false, ip("192.0.2.1")));
  EXPECT_FALSE(addresses_clash(ip("0.0.0.0"), false, ip("2001:db8::1")));
}

TEST(FindListener, RefusesOtherProtocolsAndEmptyRanges) {
  EXPECT_EQ(find_listener("sctp", 1, 2, IpAddress()).error().code, ErrorCode::invalid);
  EXPECT_EQ(find_listener("tcp", 0, 2, IpAddress()).error().code, ErrorCode::invalid);
  EXPECT_EQ(find_listener("udp", 9, 8, IpAddress()).error().code, ErrorCode::invalid);
}

TEST(Request, NoticesThatItDoesNotFit) {
  Request request(RTM_NEWLINK, 0, ifinfomsg{});
  EXPECT_TRUE(request.complete());
  request.put_string(IFLA_IFALIAS, std::string(5000, 'x'));
  EXPECT_FALSE(request.complete());
  request.nest(IFLA_LINKINFO, [&] { request.put_string(IFLA_INFO_KIND, "veth"); });
  EXPECT_FALSE(request.complete());
}

TEST(Attributes, ReadBackWhatARequestHolds) {
  Request request(RTM_NEWLINK, 0, ifinfomsg{});
  request.put_string(IFLA_IFNAME, "eth0");
  request.put_u32(IFLA_MTU, 1400);
  request.put_mac(IFLA_ADDRESS, Mac::from("02:42:c0:00:02:01").value());
  request.nest(IFLA_LINKINFO, [&] { request.put_string(IFLA_INFO_KIND, "veth"); });
  const Attributes<IFLA_MAX> read(*request.header(), sizeof(ifinfomsg));
  EXPECT_EQ(read.text(IFLA_IFNAME), "eth0");
  EXPECT_EQ(read.u32(IFLA_MTU), 1400U);
  EXPECT_EQ(read.mac(IFLA_ADDRESS)->to_string(), "02:42:c0:00:02:01");
  EXPECT_EQ(Attributes<IFLA_INFO_MAX>(read[IFLA_LINKINFO]).text(IFLA_INFO_KIND), "veth");
}

TEST(Attributes, AnswerNoneForAbsentAndShortOnes) {
  Request request(RTM_NEWLINK, 0, ifinfomsg{});
  request.put_u8(IFLA_MTU, 7);
  request.put_u32(IFLA_ADDRESS, 7);
  const Attributes<IFLA_MAX> read(*request.header(), sizeof(ifinfomsg));
  EXPECT_FALSE(read.number<std::uint32_t>(IFLA_MTU));
  EXPECT_FALSE(read.mac(IFLA_ADDRESS));
  EXPECT_EQ(read.text(IFLA_IFALIAS), "");
}

TEST(KernelError, KeepsErrnoAndChoosesTheCode) {
  const Error taken = kernel_error(EEXIST, "");
  EXPECT_EQ(taken.message, "File exists");
  EXPECT_EQ(taken.sys_errno, EEXIST);
  EXPECT_EQ(taken.code, ErrorCode::conflict);
  EXPECT_EQ(kernel_error(EINVAL, "Invalid prefix").message, "Invalid argument (Invalid prefix)");
  EXPECT_EQ(kernel_error(ENODEV, "").code, ErrorCode::not_found);
  EXPECT_FALSE(kernel_error(EPERM, "").hint.empty());
}

} // namespace
} // namespace ebpfnet::netlink
