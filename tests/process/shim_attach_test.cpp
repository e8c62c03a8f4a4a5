// Attached commands: lent descriptors, terminals, signals, clients that go away or never come.
#include <fcntl.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/process/shim_fixture.hpp"

namespace ebpfnet::shim {
namespace {

struct Pipe {
  UniqueFd reader, writer;
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  std::string read_all() {
    writer.reset();
    std::string text;
    char chunk[512];
    for (ssize_t n = 0; (n = ::read(reader.get(), chunk, sizeof(chunk))) > 0;) {
      text.append(chunk, static_cast<std::size_t>(n));
    }
    return text;
  }
};

class ShimAttach : public ShimTest {
protected:
  AttachClient attach(LaunchSpec& s, WindowSize size = {}) {
    s.attach = true;
    const auto launched = launch(s);
    EXPECT_TRUE(launched) << launched.error().story();
    EXPECT_EQ(launched->pid, 0);
    auto client = AttachClient::connect(launched->attach_socket);
    EXPECT_TRUE(client) << client.error().story();
    EXPECT_TRUE(client->send_stdio(in_.reader.get(), out_.writer.get(), err_.writer.get(), size));
    return std::move(*client);
  }
  Pipe in_, out_, err_;
};

TEST_F(ShimAttach, LendsTheClientsDescriptors) {
  LaunchSpec s = shell("cat; echo problem >&2; exit 9");
  s.process.interactive = true;
  ASSERT_EQ(::write(in_.writer.get(), "hello", 5), 5);
  auto client = attach(s);
  in_.writer.reset();
  EXPECT_EQ(client.wait().value_or(-1), 9);
  EXPECT_EQ(out_.read_all(), "hello");
  EXPECT_EQ(err_.read_all(), "problem\n");
  EXPECT_EQ(exit_code(s), 9);
  expect_nothing_left(s);
}

TEST_F(ShimAttach, TellsTheClientWhyTheCommandDidNotStart) {
  LaunchSpec s = spec({"no-such-command-ebn"});
  auto client = attach(s);
  const auto result = client.wait();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::no_command);
  EXPECT_EQ(exit_code(s), 127);
  EXPECT_FALSE(state(s).error.empty());
  expect_nothing_left(s);
}

TEST_F(ShimAttach, ForwardsSignals) {
  LaunchSpec s = shell("trap 'exit 8' INT; echo up; while :; do sleep 0.01; done");
  auto client = attach(s);
  char byte = 0;
  ASSERT_EQ(::read(out_.reader.get(), &byte, 1), 1);
  EXPECT_TRUE(client.send_signal(SIGINT));
  EXPECT_EQ(client.wait().value_or(-1), 8);
}

TEST_F(ShimAttach, ACommandOutlivesItsClient) {
  LaunchSpec s = shell("sleep 0.3; exit 4");
  {
    auto client = attach(s);
    EXPECT_EQ(client.next()->type, MessageType::started);
  }
  EXPECT_TRUE(state(s).running);
  EXPECT_EQ(exit_code(s), 4);
}

TEST_F(ShimAttach, GivesATerminalWithItsSize) {
  LaunchSpec s =
      shell("stty size; tty -s && echo terminal; echo $TERM; read line; echo got:$line; exit 6");
  s.process.tty = true;
  s.process.interactive = true;
  auto client = attach(s, {33, 77});
  ASSERT_EQ(::write(in_.writer.get(), "word\n", 5), 5);
  EXPECT_EQ(client.wait().value_or(-1), 6);
  const std::string text = out_.read_all();
  for (const char* expected : {"33 77\r\n", "terminal\r\n", "xterm\r\n", "got:word\r\n"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << text;
  }
  EXPECT_EQ(log(s), text);
}

TEST_F(ShimAttach, ResizesTheTerminalAndSendsControlC) {
  LaunchSpec s = shell("trap 'stty size; exit 2' INT; echo up; while :; do sleep 0.01; done");
  s.process.tty = true;
  s.process.interactive = true;
  auto client = attach(s, {10, 10});
  char byte = 0;
  ASSERT_EQ(::read(out_.reader.get(), &byte, 1), 1);
  EXPECT_TRUE(client.send_window_size({40, 120}));
  EXPECT_TRUE(eventually([&] { return log(s).find("up") != std::string::npos; }));
  ASSERT_EQ(::write(in_.writer.get(), "\x03", 1), 1);
  EXPECT_EQ(client.wait().value_or(-1), 2);
  EXPECT_NE(log(s).find("40 120"), std::string::npos) << log(s);
}

TEST_F(ShimAttach, TerminalOutputGoesToTheLogWhenTheClientIsGone) {
  LaunchSpec s = shell("sleep 0.3; echo later; exit 4");
  s.process.tty = true;
  {
    auto client = attach(s);
    EXPECT_EQ(client.next()->type, MessageType::started);
    out_.reader.reset();
  }
  EXPECT_EQ(exit_code(s), 4);
  EXPECT_EQ(log(s), "later\r\n");
}

TEST_F(ShimAttach, NobodyComesEndsWith125AndLeavesNothing) {
  LaunchSpec s = spec({"touch", dir_ / "ran"});
  s.attach = true;
  ASSERT_TRUE(launch(s));
  EXPECT_FALSE(state(s).running);
  std::this_thread::sleep_for(std::chrono::seconds(9));
  EXPECT_EQ(exit_code(s), 125);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "ran"));
  expect_nothing_left(s);
}

} // namespace
} // namespace ebpfnet::shim
