// What happens to a socket file that is already there.
#include "daemon/server/unix_listener.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/daemon/server/test_server.hpp"

namespace ebpfnet::server {
namespace {

TEST(UnixListener, ReplacesTheSocketOfAKilledDaemon) {
  TempDir dir;
  {
    auto killed = UnixListener::listen(dir / "api.sock", 0660, "");
    ASSERT_TRUE(killed) << killed.error().story();
  } // the descriptor is closed, the file stays
  ASSERT_TRUE(std::filesystem::is_socket(dir / "api.sock"));
  auto listener = UnixListener::listen(dir / "api.sock", 0660, "");
  ASSERT_TRUE(listener) << listener.error().story();
  RawClient connects(dir / "api.sock");
}

TEST(UnixListener, LeavesALivingSocketAlone) {
  TempDir dir;
  auto living = UnixListener::listen(dir / "api.sock", 0660, "");
  ASSERT_TRUE(living) << living.error().story();
  auto second = UnixListener::listen(dir / "api.sock", 0660, "");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_NE(second.error().message.find("another process answers"), std::string::npos);
  RawClient still_connects(dir / "api.sock");
}

TEST(UnixListener, NeverReplacesAFileThatIsNoSocket) {
  TempDir dir;
  std::ofstream(dir / "api.sock") << "precious";
  auto listener = UnixListener::listen(dir / "api.sock", 0660, "");
  ASSERT_FALSE(listener);
  EXPECT_NE(listener.error().message.find("is not a socket"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(dir / "api.sock"), 8u);
}

TEST(UnixListener, GivesTheSocketItsModeAndLeavesNoTemporaryName) {
  TempDir dir;
  auto listener = UnixListener::listen(dir / "api.sock", 0600, "no-such-group-here");
  ASSERT_TRUE(listener) << listener.error().story();
  struct stat file{};
  ASSERT_EQ(::stat((dir / "api.sock").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(dir / "api.sock.new"));
}

TEST(UnixListener, RefusesAPathThatTheKernelCannotTake) {
  auto listener = UnixListener::listen("/tmp/" + std::string(120, 'x'), 0660, "");
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, ErrorCode::invalid);
}

TEST(UnixListener, NamesADirectoryThatIsMissing) {
  TempDir dir;
  auto listener = UnixListener::listen(dir / "missing/api.sock", 0660, "");
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().sys_errno, ENOENT);
}

TEST(UnixListener, WithdrawsItsOwnFileOnly) {
  TempDir dir;
  auto first = UnixListener::listen(dir / "api.sock", 0660, "");
  ASSERT_TRUE(first);
  std::filesystem::remove(dir / "api.sock");
  auto second = UnixListener::listen(dir / "api.sock", 0660, "");
  ASSERT_TRUE(second);
  first->withdraw();
  EXPECT_TRUE(std::filesystem::exists(dir / "api.sock"));
  second->withdraw();
  EXPECT_FALSE(std::filesystem::exists(dir / "api.sock"));
}

} // namespace
} // namespace ebpfnet::server
