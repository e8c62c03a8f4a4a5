// Moves the test process into fresh mount and network namespaces before the first test, so that
// neither the machine's interfaces nor its mounts are touched; what a test leaves behind goes away
// with the process.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/netns.hpp"

namespace ebpfnet::netlink {

inline IpAddress ip(std::string_view text) {
  return IpAddress::from(text).value();
}
inline Mac mac(std::string_view text) {
  return Mac::from(text).value();
}

// EXPECT_OK(result) prints the story of the error.
template <class T> testing::AssertionResult succeeded(const Result<T>& result) {
  return result ? testing::AssertionSuccess()
                : testing::AssertionFailure() << result.error().story();
}
#define EXPECT_OK(expression) EXPECT_TRUE(succeeded(expression))
#define ASSERT_OK(expression) ASSERT_TRUE(succeeded(expression))

class NetnsTest : public testing::Test {
protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
    ASSERT_EQ(::unshare(CLONE_NEWNS | CLONE_NEWNET), 0) << std::strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    char name[] = "/tmp/ebn-netns-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    ASSERT_EQ(::mount("ebn-test", name, "tmpfs", 0, nullptr), 0) << std::strerror(errno);
    auto opened = Socket::open();
    ASSERT_OK(opened);
    socket_.emplace(std::move(*opened));
  }

  void TearDown() override {
    if (!directory_.empty()) {
      ::umount2(directory_.c_str(), MNT_DETACH);
      ::rmdir(directory_.c_str());
    }
  }

  Socket& socket() { return *socket_; }
  std::filesystem::path file(std::string_view name) const { return directory_ / name; }
  UniqueFd new_netns(std::string_view name) { return create_netns(file(name)).value(); }

  // A bridge `br0`, set up.
  IfIndex new_bridge() {
    const IfIndex bridge =
        create_bridge(socket(), {"br0", mac("02:42:00:00:00:01"), 0, ""}).value();
    EXPECT_OK(set_link_up(socket(), bridge));
    return bridge;
  }
  VethSpec veth(int peer_netns_fd, IfIndex master = {}) const {
    return {"veth1", IfIndex(4711), mac("02:42:00:00:00:02"), "",           1400,
            master,  "eth0",        mac("02:42:00:00:00:03"), peer_netns_fd};
  }

private:
  std::filesystem::path directory_;
  std::optional<Socket> socket_;
};

} // namespace ebpfnet::netlink
