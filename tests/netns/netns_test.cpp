// Network namespaces as files: made, found again, removed, entered.
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "daemon/netlink/sysctl.hpp"
#include "tests/netns/fixture.hpp"

namespace ebpfnet::netlink {
namespace {

using Netns = NetnsTest;

ino_t own_netns() {
  struct stat status{};
  EXPECT_EQ(::stat("/proc/thread-self/ns/net", &status), 0);
  return status.st_ino;
}

TEST_F(Netns, HasLoopbackUpAndNothingElse) {
  const UniqueFd netns = new_netns("a");
  auto inside = Socket::open_in(netns.get());
  ASSERT_OK(inside);
  const auto links = list_links(*inside).value();
  ASSERT_EQ(links.size(), 1U);
  EXPECT_EQ(links[0].name, "lo");
  EXPECT_TRUE(links[0].up);
  EXPECT_TRUE(links[0].loopback);
}

TEST_F(Netns, LeavesTheCallingThreadWhereItWas) {
  const ino_t before = own_netns();
  const UniqueFd netns = new_netns("a");
  const Result<bool> elsewhere =
      in_netns(netns.get(), [&]() -> Result<bool> { return own_netns() != before; });
  EXPECT_TRUE(elsewhere.value());
  EXPECT_EQ(own_netns(), before);
}

TEST_F(Netns, IsFoundAgainByItsFileAndKeepsItsCookie) {
  const std::uint64_t cookie = netns_cookie(new_netns("a").get()).value();
  EXPECT_EQ(netns_cookie(open_netns(file("a")).value().get()).value(), cookie);
}

TEST_F(Netns, CookiesDiffer) {
  const UniqueFd a = new_netns("a");
  const UniqueFd b = new_netns("b");
  EXPECT_NE(netns_cookie(a.get()).value(), netns_cookie(b.get()).value());
}

TEST_F(Netns, RefusesAFileThatExistsAndLeavesItAlone) {
  std::ofstream(file("a")) << "mine";
  const auto made = create_netns(file("a"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::conflict);
  EXPECT_EQ(made.error().sys_errno, EEXIST);
  EXPECT_EQ(std::filesystem::file_size(file("a")), 4U);
}

TEST_F(Netns, NamesTheMissingFolder) {
  const auto made = create_netns(file("no/such"));
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("no/such"), std::string::npos);
  EXPECT_NE(made.error().message.find("No such file or directory"), std::string::npos);
}

TEST_F(Netns, LeavesNothingWhenTheNamespaceCannotBePinned) {
  // Without /proc the bind mount has no source.
  ASSERT_EQ(::mount("ebn-test", "/proc", "tmpfs", 0, nullptr), 0);
  const auto made = create_netns(file("a"));
  ASSERT_EQ(::umount2("/proc", MNT_DETACH), 0);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("bind-mount"), std::string::npos) << made.error().message;
  EXPECT_FALSE(std::filesystem::exists(file("a")));
}

TEST_F(Netns, RemovalIsFineTwiceAndAlsoWithSeveralMounts) {
  new_netns("a");
  ASSERT_EQ(::mount("/proc/self/ns/net", file("a").c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_OK(remove_netns(file("a")));
  EXPECT_FALSE(std::filesystem::exists(file("a")));
  EXPECT_OK(remove_netns(file("a")));
}

TEST_F(Netns, OpeningTellsMissingFromUnmounted) {
  const auto missing = open_netns(file("a"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_FALSE(missing.error().hint.empty());

  std::ofstream(file("b")) << "";
  const auto plain = open_netns(file("b"));
  ASSERT_FALSE(plain);
  EXPECT_NE(plain.error().story().find("is not a network namespace"), std::string::npos);

  EXPECT_FALSE(open_netns("/proc/self/ns/mnt"));
}

TEST_F(Netns, EnteringSomethingElseIsAnErrorAndDoesNotRunTheFunction) {
  bool ran = false;
  const UniqueFd file_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Result<int> result = in_netns(file_fd.get(), [&]() -> Result<int> {
    ran = true;
    return 1;
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().sys_errno, EINVAL);
  EXPECT_FALSE(ran);
}

TEST_F(Netns, PassesResultsAndExceptionsOut) {
  const UniqueFd netns = new_netns("a");
  EXPECT_EQ(in_netns(netns.get(), []() -> Result<int> { return fail(ErrorCode::conflict, "no"); })
                .error()
                .message,
            "no");
  EXPECT_THROW((void)in_netns(netns.get(), []() -> Result<int> { throw std::runtime_error("x"); }),
               std::runtime_error);
}

TEST_F(Netns, SocketStaysInItsNamespace) {
  const UniqueFd netns = new_netns("a");
  const UniqueFd inside = open_socket_in(netns.get(), AF_INET, SOCK_STREAM, 0).value();
  std::uint64_t cookie = 0;
  socklen_t bytes = sizeof(cookie);
  ASSERT_EQ(::getsockopt(inside.get(), SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, &cookie, &bytes), 0);
  EXPECT_EQ(cookie, netns_cookie(netns.get()).value());
}

TEST_F(Netns, ManyAreMadeAtOnce) {
  std::vector<std::thread> threads;
  std::vector<int> made(16, 0);
  for (std::size_t i = 0; i < made.size(); ++i) {
    threads.emplace_back(
        [&, i] { made[i] = create_netns(file(fmt::format("n{}", i))).has_value() ? 1 : 0; });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(std::count(made.begin(), made.end(), 1), 16);
}

TEST_F(Netns, SysctlsBelongToTheNamespace) {
  const UniqueFd netns = new_netns("a");
  ASSERT_OK(write_sysctl("net/ipv4/ip_forward", "0"));
  const auto inside = [&](std::string_view key) {
    return in_netns(netns.get(), [&] { return read_sysctl(key); });
  };
  EXPECT_OK(in_netns(netns.get(), [] { return write_sysctl("net/ipv4/ip_forward", "1"); }));
  EXPECT_EQ(inside("net/ipv4/ip_forward").value(), "1");
  EXPECT_EQ(read_sysctl("net/ipv4/ip_forward").value(), "0");
}

TEST_F(Netns, SysctlErrorsNameTheSetting) {
  const auto missing = read_sysctl("net/ipv4/conf/nosuch0/forwarding");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_NE(missing.error().message.find("nosuch0"), std::string::npos);
  EXPECT_EQ(write_sysctl("net/ipv4/ip_forward", "seven").error().sys_errno, EINVAL);
}

TEST_F(Netns, SharedMountsAreTold) {
  EXPECT_FALSE(is_shared_mount(file("")).value());
  ASSERT_EQ(::mount(nullptr, file("").c_str(), nullptr, MS_SHARED, nullptr), 0);
  std::filesystem::create_directory(file("sub"));
  EXPECT_TRUE(is_shared_mount(file("sub")).value());
  EXPECT_EQ(is_shared_mount(file("none")).error().sys_errno, ENOENT);
}

} // namespace
} // namespace ebpfnet::netlink
