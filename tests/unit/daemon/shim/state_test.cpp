// What read_state makes of the files that it finds, and of pids that were given to somebody else.
#include "daemon/shim/state.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>

namespace ebpfnet::shim {
namespace {

class State : public testing::Test {
protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "ebn-state-XXXXXX";
    dir_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  ProcessState read() {
    auto state = read_state(dir_, dir_);
    EXPECT_TRUE(state) << state.error().story();
    return state.value_or(ProcessState{});
  }
  std::filesystem::path dir_;
  const pid_t self_ = ::getpid();
  const std::uint64_t start_ = start_time(::getpid());
};

TEST_F(State, NothingIsNeverStarted) {
  EXPECT_FALSE(read().running);
  EXPECT_FALSE(read().exit_code);
}

TEST_F(State, LivingPidsAreRunning) {
  ASSERT_TRUE(write_shim_record(dir_, {self_, start_, self_, start_, "then"}));
  EXPECT_TRUE(read().running);
  EXPECT_EQ(read().pid, self_);
  EXPECT_EQ(read().started_at, "then");
}

TEST_F(State, AnotherProcessWithTheSamePidIsNotOurs) {
  ASSERT_TRUE(write_shim_record(dir_, {self_, start_ + 1, self_, start_ + 1, "then"}));
  EXPECT_FALSE(read().running);
  EXPECT_EQ(read().exit_code, 137);
}

TEST_F(State, ASupervisorThatWaitsForItsClientIsNotRunning) {
  ASSERT_TRUE(write_exit_record(dir_, {1, 1, 3, "a", "b", {}})); // of an earlier run
  ASSERT_TRUE(write_shim_record(dir_, {self_, start_, 0, 0, {}}));
  EXPECT_FALSE(read().running);
  EXPECT_EQ(read().shim_pid, self_);
  EXPECT_FALSE(read().exit_code);
}

TEST_F(State, TheExitRecordOfThisRunWins) {
  ASSERT_TRUE(write_shim_record(dir_, {self_, start_, 0, 0, "a"}));
  ASSERT_TRUE(write_exit_record(dir_, {self_, start_, 7, "a", "b", {}}));
  EXPECT_EQ(read().exit_code, 7);
  EXPECT_EQ(read().finished_at, "b");
}

TEST_F(State, AfterARebootTheExitRecordIsLeft) {
  ASSERT_TRUE(write_exit_record(dir_, {9, 9, 7, "a", "b", {}}));
  EXPECT_EQ(read().exit_code, 7);
  ASSERT_TRUE(
      write_exit_record(dir_, {9, 9, std::nullopt, "a", {}, {}})); // was running when power went
  EXPECT_EQ(read().exit_code, 137);
  EXPECT_EQ(read().started_at, "a");
}

TEST_F(State, DamagedFilesAreNoRecords) {
  for (const char* text : {"", "{", "[]", "null", "{\"shim_pid\":\"x\",\"pid\":-1}"}) {
    std::ofstream(dir_ / "shim.json") << text;
    std::ofstream(dir_ / "exit.json") << "{\"exit_c";
    EXPECT_FALSE(read().running) << text;
  }
}

TEST_F(State, AZombieIsDead) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(0);
  }
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(start_time(child), 0U);
  ::waitpid(child, nullptr, 0);
}

TEST_F(State, SignalsReachOnlyTheProcessThatWasMeant) {
  ProcessState state;
  EXPECT_EQ(signal_process(state, 0).error().code, ErrorCode::conflict);
  state.pid = self_;
  state.pid_start = start_ + 1;
  EXPECT_EQ(signal_process(state, SIGKILL).error().code, ErrorCode::conflict);
  state.pid_start = start_;
  EXPECT_TRUE(signal_process(state, 0));
  EXPECT_EQ(signal_process(state, 999).error().code, ErrorCode::invalid);
}

} // namespace
} // namespace ebpfnet::shim
