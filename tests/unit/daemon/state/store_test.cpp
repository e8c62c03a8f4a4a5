// The state store, and what it does when the disk, the file or the process fails.
#include "daemon/state/store.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "daemon/state/lock.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::state {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class StateStore : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ebn-state-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string bytes() const {
    std::ifstream in(dir_ / "state.db", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Runs `body` in a child process; its return value is the exit status.
  template <class F> static int in_child(F body) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }
  fs::path dir_;
};

Change put(std::string id, std::string name, nlohmann::json doc = nlohmann::json::object()) {
  return {Change::Op::put, "network", std::move(id), std::move(name), std::move(doc)};
}
Change removal(std::string id) {
  return {Change::Op::remove, "network", std::move(id), "", {}};
}
Result<void> apply(Store& store, std::vector<Change> changes) {
  return store.apply(changes);
}

TEST_F(StateStore, KeepsRecordsOverAReopen) {
  {
    auto store = Store::open(dir_);
    ASSERT_TRUE(store) << store.error().story();
    ASSERT_TRUE(apply(*store, {put("b", "dog", {{"x", 1}}), put("a", "cat")}));
    ASSERT_TRUE(apply(*store, {put("b", "dog2", {{"x", 2}}), removal("a"), removal("nosuch")}));
  }
  auto store = Store::open(dir_);
  ASSERT_TRUE(store) << store.error().story();
  auto records = store->load("network");
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ((*records)[0].name, "dog2");
  EXPECT_EQ((*records)[0].doc["x"], 2);
  EXPECT_TRUE(store->load("sandbox")->empty());
}

TEST_F(StateStore, MakesAFileThatOnlyItsOwnerReads) {
  auto store = Store::open(dir_ / "new");
  ASSERT_TRUE(store) << store.error().story();
  ASSERT_TRUE(apply(*store, {put("a", "cat")}));
  for (const char* name : {"state.db", "state.db-wal"}) {
    struct stat info{};
    ASSERT_EQ(::stat((dir_ / "new" / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << name;
  }
}

TEST_F(StateStore, RefusesATakenNameAndChangesNothing) {
  auto store = Store::open(dir_);
  ASSERT_TRUE(store);
  ASSERT_TRUE(apply(*store, {put("a", "cat")}));
  auto second = apply(*store, {put("c", "bird"), put("b", "cat")});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("network name 'cat' is already taken"));
  EXPECT_EQ(store->load("network")->size(), 1U);
  EXPECT_TRUE(apply(*store, {put("x", ""), put("y", "")})) << "records may go without a name";
}

TEST_F(StateStore, RefusesTextThatIsNotUtf8) {
  auto store = Store::open(dir_);
  ASSERT_TRUE(store);
  auto done = apply(*store, {put("a", "cat", {{"x", "\xff"}})});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::invalid);
  EXPECT_TRUE(apply(*store, {put("a", "cat")}));
}

TEST_F(StateStore, RefusesAFileThatIsNoDatabaseAndLeavesItAlone) {
  const std::string garbage(10'000, 'x');
  std::ofstream(dir_ / "state.db") << garbage;
  auto store = Store::open(dir_);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("damaged"));
  EXPECT_THAT(store.error().hint, HasSubstr("restore a backup"));
  EXPECT_EQ(bytes(), garbage);
}

TEST_F(StateStore, RefusesADamagedDatabaseAndLeavesItAlone) {
  {
    auto store = Store::open(dir_);
    ASSERT_TRUE(store);
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(apply(*store, {put(std::to_string(i), "n" + std::to_string(i),
                                     {{"pad", std::string(500, 'p')}})}));
    }
  }
  {
    std::fstream file(dir_ / "state.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(4096 * 4, '\xa5');
  }
  const std::string before = bytes();
  auto store = Store::open(dir_);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("damaged"));
  EXPECT_EQ(bytes(), before);
}

TEST_F(StateStore, RefusesANewerSchemaNamesItsWriterAndLeavesItAlone) {
  {
    ASSERT_TRUE(Store::open(dir_));
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(::sqlite3_open((dir_ / "state.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(::sqlite3_exec(db,
                           "INSERT INTO migration VALUES (99, '', 'ebpfnetd 9.1');"
                           "PRAGMA user_version = 99",
                           nullptr, nullptr, nullptr),
            SQLITE_OK);
  ::sqlite3_close(db);
  const std::string before = bytes();
  auto store = Store::open(dir_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::unsupported);
  EXPECT_THAT(store.error().message, HasSubstr("ebpfnetd 9.1"));
  EXPECT_EQ(bytes(), before);
}

// 0 when a change that does not fit is refused with `code` and a hint, and everything else goes on.
int refuses_a_change_that_does_not_fit(Store& store, ErrorCode code) {
  auto big = apply(store, {put("b", "big", {{"pad", std::string(1'000'000, 'p')}})});
  if (big || big.error().code != code || big.error().hint.empty()) {
    return 2;
  }
  auto records = store.load("network");
  return records && records->size() == 1 && apply(store, {put("c", "small")}) ? 0 : 3;
}

TEST_F(StateStore, SaysThatAWriteFailedAndKeepsWhatItHad) {
  const int result = in_child([&] {
    auto store = Store::open(dir_);
    if (!store || !apply(*store, {put("a", "cat")})) {
      return 1;
    }
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{256 * 1024, 256 * 1024};
    ::setrlimit(RLIMIT_FSIZE, &small);
    return refuses_a_change_that_does_not_fit(*store, ErrorCode::internal);
  });
  EXPECT_EQ(result, 0);
  auto store = Store::open(dir_);
  ASSERT_TRUE(store) << store.error().story();
  EXPECT_EQ(store->load("network")->size(), 2U);
}

TEST_F(StateStore, SaysThatTheDiskIsFullAndKeepsWhatItHad) {
  const int result = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", dir_.c_str(), "tmpfs", 0, "size=512k") != 0) {
      return 77;
    }
    auto store = Store::open(dir_);
    if (!store || !apply(*store, {put("a", "cat")})) {
      return 1;
    }
    return refuses_a_change_that_does_not_fit(*store, ErrorCode::exhausted);
  });
  if (result == 77) {
    GTEST_SKIP() << "needs root to mount a small file system";
  }
  EXPECT_EQ(result, 0);
}

// Takes all the room that is left.
void fill(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string block(4096, 'x');
  while (::write(fd.get(), block.data(), block.size()) > 0) {
  }
}

int opens_on_a_full_disk(const std::filesystem::path& dir) {
  {
    auto store = Store::open(dir);
    if (!store || !apply(*store, {put("a", "cat")})) {
      return 1;
    }
  }
  fill(dir / "others");
  auto store = Store::open(dir);
  if (!store) {
    return 2;
  }
  auto records = store->load("network");
  if (!records || records->size() != 1) {
    return 3;
  }
  const auto refused = apply(*store, {put("b", "dog")});
  if (refused || refused.error().code != ErrorCode::exhausted || refused.error().hint.empty()) {
    return 4;
  }
  std::filesystem::remove(dir / "others");
  return apply(*store, {put("b", "dog")}) ? 0 : 5;
}

TEST_F(StateStore, OpensOnAFullDiskAndRefusesChangesUntilThereIsRoom) {
  const int result = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", dir_.c_str(), "tmpfs", 0, "size=512k") != 0) {
      return 77;
    }
    return opens_on_a_full_disk(dir_);
  });
  if (result == 77) {
    GTEST_SKIP() << "needs root to mount a small file system";
  }
  EXPECT_EQ(result, 0);
}

TEST_F(StateStore, SaysThatTheDirectoryIsReadOnly) {
  const int result = in_child([&] {
    if (::geteuid() != 0) {
      ::chmod(dir_.c_str(), 0500);
    } else if (::unshare(CLONE_NEWNS) != 0 ||
               ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
               ::mount(dir_.c_str(), dir_.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
               ::mount(nullptr, dir_.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) !=
                   0) {
      return 77;
    }
    auto store = Store::open(dir_);
    return !store && !store.error().hint.empty() ? 0 : 1;
  });
  ::chmod(dir_.c_str(), 0700);
  if (result == 77) {
    GTEST_SKIP() << "needs a mount namespace to make a directory read-only for root";
  }
  EXPECT_EQ(result, 0);
}

TEST_F(StateStore, RefusesChangesWhileTheDirectoryIsReadOnlyAndGoesOnAfterwards) {
  const int result = in_child([&] {
    auto store = Store::open(dir_);
    const auto remount = [&](unsigned long flags) {
      return ::mount(nullptr, dir_.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr) == 0;
    };
    if (!store || ::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(dir_.c_str(), dir_.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        !remount(MS_RDONLY)) {
      return 77;
    }
    const auto refused = apply(*store, {put("a", "cat")});
    if (refused || store->check_writable() || !store->load("network") ||
        refused.error().story().find(dir_.string()) == std::string::npos ||
        refused.error().story().find("remount,rw") == std::string::npos) {
      return 1;
    }
    return remount(0) && apply(*store, {put("a", "cat")}) ? 0 : 2;
  });
  if (result == 77) {
    GTEST_SKIP() << "needs root to make a directory read-only";
  }
  EXPECT_EQ(result, 0);
}

TEST_F(StateStore, KeepsEveryAcknowledgedRecordWhenTheProcessIsKilled) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = Store::open(dir_);
    for (std::uint32_t i = 0; store; ++i) {
      if (!apply(*store, {put(std::to_string(i), std::to_string(i))}) ||
          ::write(ends[1], &i, sizeof i) != sizeof i) {
        break;
      }
    }
    ::_exit(1);
  }
  ::close(ends[1]);
  std::uint32_t acknowledged = 0;
  while (acknowledged < 100 &&
         ::read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  while (::read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
  }
  ::close(ends[0]);
  ASSERT_GE(acknowledged, 100U);
  auto store = Store::open(dir_);
  ASSERT_TRUE(store) << store.error().story();
  EXPECT_GE(store->load("network")->size(), acknowledged + 1);
}

TEST_F(StateStore, Serves64ThreadsAtOnce) {
  auto store = Store::open(dir_);
  ASSERT_TRUE(store);
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 64; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 5; ++i) {
          const std::string id = fmt::format("{}-{}", t, i);
          failures += apply(*store, {put(id, id)}) && store->load("network") ? 0 : 1;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(store->load("network")->size(), 320U);
}

TEST_F(StateStore, LockNamesTheProcessThatHoldsTheDirectory) {
  {
    auto first = DirLock::acquire(dir_, "ebpfnetd");
    ASSERT_TRUE(first) << first.error().story();
    auto second = DirLock::acquire(dir_, "ebpfnetd");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::conflict);
    EXPECT_THAT(second.error().message,
                HasSubstr(fmt::format("another ebpfnetd (pid {}) uses directory", ::getpid())));
  }
  EXPECT_TRUE(DirLock::acquire(dir_, "ebpfnetd"));
  EXPECT_FALSE(DirLock::acquire(dir_ / "missing", "ebpfnetd"));
}

} // namespace
} // namespace ebpfnet::state
