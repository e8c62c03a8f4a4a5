// Further commands in a sandbox: they join its namespaces and cgroup and end alone.
#include <fcntl.h>

#include <csignal>

#include "tests/process/shim_fixture.hpp"

namespace ebpfnet::shim {
namespace {

class ShimExec : public ShimTest {
protected:
  // Runs attached, with standard output in a file; the exit code and what was printed.
  std::pair<int, std::string> exec(LaunchSpec s, pid_t target) {
    s.attach = true;
    const auto launched = launch_exec(s, target);
    EXPECT_TRUE(launched) << launched.error().story();
    auto client = AttachClient::connect(launched->attach_socket);
    const UniqueFd out(
        ::open((dir_ / "out").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    EXPECT_TRUE(client->send_stdio(0, out.get(), out.get()));
    const auto code = client->wait();
    EXPECT_TRUE(code) << code.error().story();
    return {code.value_or(-1), slurp(dir_ / "out")};
  }
};

TEST_F(ShimExec, JoinsTheNamespacesAndTheCgroup) {
  LaunchSpec s = spec({"sleep", "1000"});
  s.hostname = "inside";
  s.resolv_conf = file("r", "nameserver 127.0.0.11\n");
  const auto launched = launch(s);
  ASSERT_TRUE(launched);
  LaunchSpec e = shell("hostname; cat /etc/resolv.conf; grep -c box /proc/self/cgroup; exit 11");
  e.hostname = "ignored";
  const auto [code, text] = exec(e, launched->pid);
  EXPECT_EQ(code, 11);
  EXPECT_EQ(text, "inside\nnameserver 127.0.0.11\n1\n");
  EXPECT_TRUE(state(s).running);
  EXPECT_TRUE(eventually([&] { // only the main process's record is left
    return std::distance(std::filesystem::directory_iterator(s.run_dir), {}) == 1;
  }));
}

TEST_F(ShimExec, EndsWithTheSandbox) {
  const LaunchSpec s = spec({"sleep", "1000"});
  const auto launched = launch(s);
  LaunchSpec e = spec({"sleep", "1000"});
  const auto further = launch_exec(e, launched->pid);
  ASSERT_TRUE(further) << further.error().story();
  EXPECT_TRUE(signal_process(state(s), SIGKILL));
  EXPECT_EQ(exit_code(s), 137);
  EXPECT_TRUE(eventually([&] { return start_time(further->pid) == 0; }));
}

TEST_F(ShimExec, AStoppedSandboxIsAnError) {
  const LaunchSpec s = spec({"true"});
  const auto launched = launch(s);
  ASSERT_EQ(exit_code(s), 0);
  EXPECT_TRUE(eventually([&] { return start_time(launched->pid) == 0; }));
  const auto result = launch_exec(s, launched->pid);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "sandbox is not running");
}

TEST_F(ShimExec, ASandboxWithoutAProcessGetsItsNamespacesMade) {
  LaunchSpec e = shell("hostname; cat /etc/hosts");
  e.hostname = "adopted";
  e.hosts = file("h", "192.0.2.7 adopted\n");
  const auto [code, text] = exec(e, 0);
  EXPECT_EQ(code, 0);
  EXPECT_EQ(text, "adopted\n192.0.2.7 adopted\n");
  expect_nothing_left(e);
}

TEST_F(ShimExec, AFailedExecLeavesTheSandboxAlone) {
  const LaunchSpec s = spec({"sleep", "1000"});
  const auto launched = launch(s);
  EXPECT_EQ(launch_exec(spec({"no-such-command-ebn"}), launched->pid).error().code,
            ErrorCode::no_command);
  EXPECT_TRUE(state(s).running);
}

} // namespace
} // namespace ebpfnet::shim
