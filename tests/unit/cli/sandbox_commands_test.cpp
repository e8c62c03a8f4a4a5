// The sandbox commands of the built program: what they ask of the daemon and what they print.
#include <gmock/gmock.h>

#include <csignal>
#include <latch>

#include "cli/command.hpp"
#include "tests/unit/cli/program.hpp"

namespace ebpfnet::cli {
namespace {

using server::Json;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::Return;

const std::string kId(64, 'a');

TEST_F(Program, RunDetachedSendsEverythingAndPrintsTheId) {
  EXPECT_CALL(backend_, sandbox_create(_))
      .WillOnce([](const api::SandboxCreate& request) -> Result<Json> {
        EXPECT_EQ(request.name, "web");
        EXPECT_TRUE(request.start && request.auto_remove);
        EXPECT_FALSE(request.attach);
        EXPECT_EQ(request.networks.size(), 2u);
        EXPECT_EQ(request.ports.at(0).to_string(), api::PortSpec::from("8000:5000")->to_string());
        EXPECT_EQ(request.restart.to_string(), "on-failure:3");
        EXPECT_TRUE(request.process.has_value());
        EXPECT_THAT(request.process->command,
                    ElementsAre("python3", "web.py", "-d", "--name", "x"));
        EXPECT_THAT(request.process->env, ElementsAre("DB=cat-db", "FROM_HERE=here"));
        EXPECT_THAT(request.process->cap_add, ElementsAre("NET_ADMIN"));
        EXPECT_EQ(request.process->user, "nobody");
        EXPECT_EQ(request.process->workdir, "/tmp");
        EXPECT_TRUE(request.process->privileged);
        return Json{{"Id", kId}, {"Name", "web"}};
      });
  Outcome done = run({"run",
                      "-d",
                      "--rm",
                      "--name",
                      "web",
                      "--network",
                      "a",
                      "--network",
                      "name=b,alias=c",
                      "-p",
                      "8000:5000",
                      "-e",
                      "DB=cat-db",
                      "-e",
                      "FROM_HERE",
                      "-e",
                      "NOT_SET_HERE",
                      "--restart",
                      "on-failure:3",
                      "--user",
                      "nobody",
                      "--workdir",
                      "/tmp",
                      "--cap-add",
                      "NET_ADMIN",
                      "--privileged",
                      "--",
                      "python3",
                      "web.py",
                      "-d",
                      "--name",
                      "x"});
  EXPECT_EQ(done.out, kId + "\n") << done.err;
  EXPECT_EQ(done.code, 0);
}

TEST_F(Program, RunTakesTheFirstPlainWordAsCommand) {
  EXPECT_CALL(backend_, sandbox_create(Field(&api::SandboxCreate::process,
                                             Optional(Field(&api::ProcessConfig::command,
                                                            ElementsAre("ls", "-d", "--help"))))))
      .WillOnce(Return(Json{{"Id", kId}}));
  EXPECT_EQ(run({"run", "-d", "ls", "-d", "--help"}).code, 0);
}

TEST_F(Program, PsListsSandboxes) {
  Json sandbox = {{"Id", kId},
                  {"Name", "web"},
                  {"State", "running"},
                  {"Status", "Running"},
                  {"Pid", 4711},
                  {"Networks", {"cat", "dog"}},
                  {"Ports", "0.0.0.0:8000->5000/tcp"},
                  {"Created", ""},
                  {"Labels", Json::object()}};
  Json ended = {{"Id", kId},
                {"Name", "job"},
                {"State", "exited"},
                {"Status", "Exited (3)"},
                {"Pid", 0},
                {"Networks", {"cat"}},
                {"Ports", ""},
                {"Created", ""},
                {"Labels", Json::object()}};
  EXPECT_CALL(backend_, sandbox_list(true, _))
      .WillRepeatedly(Return(Json::array({sandbox, ended})));
  EXPECT_CALL(backend_, sandbox_list(false, _)).WillOnce(Return(Json::array({sandbox})));
  EXPECT_EQ(run({"ps", "-a"}).out,
            "SANDBOX ID     NAME      STATUS       PID       NETWORKS   PORTS\n"
            "aaaaaaaaaaaa   web       Running      4711      cat,dog    0.0.0.0:8000->5000/tcp\n"
            "aaaaaaaaaaaa   job       Exited (3)   0         cat        \n");
  EXPECT_EQ(run({"ps", "-aq"}).out, "aaaaaaaaaaaa\naaaaaaaaaaaa\n");
  Json json = Json::parse(run({"ps", "--format", "json"}).out);
  EXPECT_EQ(json[0]["Names"], "web");
  EXPECT_EQ(json[0]["State"], "running");
  EXPECT_EQ(json[0]["Ports"], "0.0.0.0:8000->5000/tcp");
}

TEST_F(Program, PortsAreListedByNumberAndLookedUp) {
  Json ports = {
      {"443/tcp", {{{"HostIp", "0.0.0.0"}, {"HostPort", "8443"}}}},
      {"80/tcp",
       {{{"HostIp", "0.0.0.0"}, {"HostPort", "5000"}}, {{"HostIp", "::"}, {"HostPort", "5000"}}}},
      {"53/udp", nullptr}};
  EXPECT_CALL(backend_, sandbox_inspect("web"))
      .WillRepeatedly(Return(Json{{"NetworkSettings", {{"Ports", ports}}}}));
  EXPECT_EQ(run({"port", "web"}).out,
            "80/tcp -> 0.0.0.0:5000\n80/tcp -> [::]:5000\n443/tcp -> 0.0.0.0:8443\n");
  EXPECT_EQ(run({"port", "web", "80"}).out, "0.0.0.0:5000\n[::]:5000\n");
  Outcome none = run({"port", "web", "53/udp"});
  EXPECT_EQ(none.err, "Error: no public port '53/udp' published for web\n");
  EXPECT_EQ(none.code, 1);
}

TEST_F(Program, LifeOfSandboxes) {
  EXPECT_CALL(backend_, sandbox_stop("a", Field(&api::SandboxStop::timeout_seconds, 2)))
      .WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_start("a", Field(&api::SandboxStart::attach, false)))
      .WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_restart("a", Field(&api::SandboxStop::timeout_seconds, 10)))
      .WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_kill("a", Field(&api::SandboxKill::signal, "HUP")))
      .WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_kill("b", Field(&api::SandboxKill::signal, "HUP")))
      .WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_remove("a", true)).WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_wait("a", false, _)).WillOnce(Return(Json{{"StatusCode", 137}}));
  EXPECT_EQ(run({"stop", "-t", "2", "a"}).out, "a\n");
  EXPECT_EQ(run({"start", "a"}).out, "a\n");
  EXPECT_EQ(run({"restart", "a"}).out, "a\n");
  EXPECT_EQ(run({"kill", "-s", "HUP", "a", "b"}).out, "a\nb\n");
  EXPECT_EQ(run({"rm", "-f", "a"}).out, "a\n");
  Outcome waited = run({"wait", "a"});
  EXPECT_EQ(waited.out, "137\n");
  EXPECT_EQ(waited.code, 0);
}

TEST_F(Program, SandboxCreateAdoptsANamespace) {
  EXPECT_CALL(backend_, sandbox_create(_))
      .WillOnce([](const api::SandboxCreate& request) -> Result<Json> {
        EXPECT_EQ(request.name, "vm1");
        EXPECT_EQ(request.netns_path, "/run/netns/vm1");
        EXPECT_FALSE(request.process.has_value());
        EXPECT_FALSE(request.start);
        return Json{{"Id", kId}};
      });
  EXPECT_EQ(run({"sandbox", "create", "--netns", "/run/netns/vm1", "--network", "cat", "vm1"}).out,
            kId + "\n");
}

TEST_F(Program, PublishAndUnpublishSendTheSpec) {
  api::PortSpec spec = *api::PortSpec::from("127.0.0.1:8080:80/udp");
  EXPECT_CALL(backend_, sandbox_publish("web", spec)).WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_unpublish("web", spec)).WillOnce(Return(Json::object()));
  EXPECT_EQ(run({"publish", "web", "127.0.0.1:8080:80/udp"}).code, 0);
  EXPECT_EQ(run({"unpublish", "web", "127.0.0.1:8080:80/udp"}).code, 0);
  EXPECT_EQ(run({"publish", "web", "x"}).code, 2);
}

TEST_F(Program, LogsAreCopiedAndAnErrorAfterThemIsSeen) {
  EXPECT_CALL(backend_, sandbox_logs("web", true, _))
      .WillOnce([](auto&, bool, const server::Sink& sink) -> Result<void> {
        sink("one\n");
        sink("two\n");
        return {};
      });
  EXPECT_EQ(run({"logs", "-f", "web"}).out, "one\ntwo\n");
  EXPECT_CALL(backend_, sandbox_logs("web", false, _))
      .WillOnce([](auto&, bool, const server::Sink& sink) -> Result<void> {
        sink("half");
        return fail(ErrorCode::internal, "disk on fire");
      });
  Outcome broken = run({"logs", "web"});
  EXPECT_EQ(broken.out, "half");
  EXPECT_THAT(broken.err, HasSubstr("the stream broke before its end"));
  EXPECT_NE(broken.code, 0);
}

TEST_F(Program, AnInterruptedWaitEndsInTheDaemonToo) {
  std::latch waiting(1);
  std::latch ended(1);
  EXPECT_CALL(backend_, sandbox_wait("web", false, _))
      .WillOnce([&](auto&, bool, const std::function<bool()>& alive) -> Result<Json> {
        waiting.count_down();
        while (alive()) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        ended.count_down();
        return fail(ErrorCode::unavailable, "gone");
      });
  pid_t pid = start({"wait", "web"});
  waiting.wait();
  ::kill(pid, SIGINT);
  EXPECT_EQ(finish(pid).code, 128 + SIGINT);
  ended.wait();
}

} // namespace
} // namespace ebpfnet::cli
