// Attached `run` and `exec` of the built program against a supervisor that the test plays.
#include <gmock/gmock.h>

#include <csignal>
#include <latch>
#include <thread>

#include "daemon/shim/attach.hpp"
#include "tests/unit/cli/program.hpp"

namespace ebpfnet::cli {
namespace {

using server::Json;
using ::testing::_;
using ::testing::HasSubstr;
using ::testing::Return;

// Accepts one client and plays `script` with it on a thread.
class Supervisor {
public:
  using Script = std::function<void(int socket, std::vector<UniqueFd>& stdio)>;

  Supervisor(std::filesystem::path path, Script script)
      : path_(std::move(path)), listener_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this, script] { play(script); });
  }
  ~Supervisor() { thread_.join(); }
  std::string path() const { return path_.native(); }

private:
  void play(const Script& script) {
    pollfd entry{listener_.get(), POLLIN, 0};
    if (::poll(&entry, 1, 30'000) <= 0) {
      ADD_FAILURE() << "no client came";
      return;
    }
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::vector<UniqueFd> stdio;
    auto first = shim::receive_message(client.get(), stdio);
    ASSERT_TRUE(first) << first.error().story();
    EXPECT_EQ(first->type, shim::MessageType::stdio);
    ASSERT_EQ(stdio.size(), 3u);
    script(client.get(), stdio);
  }

  std::filesystem::path path_;
  UniqueFd listener_;
  std::thread thread_;
};

void say(int socket, shim::MessageType type, int a) {
  EXPECT_TRUE(shim::send_message(socket, {type, a, 0, {}}));
}

Result<Json> reply_with(const Supervisor& supervisor) {
  return Json{{"Id", std::string(64, 'a')}, {"Name", "x"}, {"AttachSocket", supervisor.path()}};
}

TEST_F(Program, RunLendsItsOutputAndReturnsTheExitCode) {
  Supervisor supervisor(files_ / "attach", [](int socket, std::vector<UniqueFd>& stdio) {
    say(socket, shim::MessageType::started, 42);
    char byte = 0;
    EXPECT_EQ(::read(stdio[0].get(), &byte, 1), 0) << "without -i the input is empty";
    EXPECT_EQ(::write(stdio[1].get(), "to out\n", 7), 7);
    EXPECT_EQ(::write(stdio[2].get(), "to err\n", 7), 7);
    say(socket, shim::MessageType::exited, 37);
  });
  EXPECT_CALL(backend_, sandbox_create(_))
      .WillOnce([&](const api::SandboxCreate& request) -> Result<Json> {
        EXPECT_TRUE(request.start && request.attach);
        return reply_with(supervisor);
      });
  Outcome done = run({"run", "--", "anything"});
  EXPECT_EQ(done.code, 37);
  EXPECT_EQ(done.out, "to out\n");
  EXPECT_EQ(done.err, "to err\n");
}

TEST_F(Program, SignalsGoToTheCommandAndDoNotEndTheClient) {
  pid_t client = -1;
  std::latch known(1);
  Supervisor supervisor(files_ / "attach", [&](int socket, std::vector<UniqueFd>&) {
    say(socket, shim::MessageType::started, 42);
    known.wait();
    std::vector<UniqueFd> none;
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
      EXPECT_EQ(::kill(client, number), 0);
      auto message = shim::receive_message(socket, none);
      ASSERT_TRUE(message) << message.error().story();
      EXPECT_EQ(message->type, shim::MessageType::signal);
      EXPECT_EQ(message->a, number);
    }
    say(socket, shim::MessageType::exited, 128 + SIGTERM);
  });
  EXPECT_CALL(backend_, sandbox_exec("web", _)).WillOnce(Return(reply_with(supervisor)));
  client = start({"exec", "web", "--", "sleep", "100"});
  known.count_down();
  EXPECT_EQ(finish(client).code, 128 + SIGTERM);
}

TEST_F(Program, ACommandThatCannotStartHasItsCodeAlsoWhenAttached) {
  for (auto [reason, exit_code] :
       {std::pair{ErrorCode::no_command, 127}, std::pair{ErrorCode::not_executable, 126},
        std::pair{ErrorCode::internal, 125}}) {
    std::filesystem::remove(files_ / "attach");
    Supervisor supervisor(files_ / "attach", [code = reason](int socket, std::vector<UniqueFd>&) {
      EXPECT_TRUE(shim::send_message(socket, shim::failed_message({code, 0, "no luck", "try"})));
    });
    EXPECT_CALL(backend_, sandbox_create(_)).WillOnce(Return(reply_with(supervisor)));
    EXPECT_CALL(backend_, sandbox_wait(_, true, _)).WillOnce(Return(Json{{"StatusCode", 0}}));
    Outcome done = run({"run", "nope"});
    EXPECT_EQ(done.code, exit_code);
    EXPECT_EQ(done.err, "Error: no luck (hint: try)\n");
  }
}

TEST_F(Program, ASupervisorThatVanishesIsAFailureOfOurs) {
  Supervisor supervisor(files_ / "attach", [](int socket, std::vector<UniqueFd>&) {
    say(socket, shim::MessageType::started, 42);
  });
  EXPECT_CALL(backend_, sandbox_create(_)).WillOnce(Return(reply_with(supervisor)));
  EXPECT_CALL(backend_, sandbox_wait(_, true, _)).WillOnce(Return(Json{{"StatusCode", 0}}));
  Outcome done = run({"run", "true"});
  EXPECT_EQ(done.code, 125);
  EXPECT_THAT(done.err, HasSubstr("went away"));
}

TEST_F(Program, AMissingAttachSocketIsAFailureOfOurs) {
  EXPECT_CALL(backend_, sandbox_create(_))
      .WillOnce(Return(Json{{"Id", "a"}, {"AttachSocket", (files_ / "nobody").native()}}))
      .WillOnce(Return(Json{{"Id", "a"}}));
  EXPECT_CALL(backend_, sandbox_wait("a", true, _)).WillRepeatedly(Return(Json{{"StatusCode", 0}}));
  EXPECT_EQ(run({"run", "true"}).code, 125);
  EXPECT_EQ(run({"run", "true"}).code, 125);
}

TEST_F(Program, ATerminalIsRefusedBeforeAnythingIsMadeWhenThereIsNone) {
  Outcome done = run({"run", "-it", "sh"});
  EXPECT_EQ(done.code, 125);
  EXPECT_THAT(done.err, HasSubstr("standard input is not a terminal"));
}

} // namespace
} // namespace ebpfnet::cli
