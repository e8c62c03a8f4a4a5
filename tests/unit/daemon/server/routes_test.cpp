// Every row of the native API: which Backend method it calls with what, and what the reply looks
// like.
#include "daemon/server/native/routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "daemon/api/error_json.hpp"
#include "daemon/api/json.hpp"
#include "tests/unit/daemon/server/mock_backend.hpp"
#include "tests/unit/daemon/server/test_server.hpp"

namespace ebpfnet::server {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::Return;
using ::testing::StrictMock;

class Routes : public ::testing::Test {
protected:
  RawReply ask(const std::string& method, const std::string& target, const std::string& body = "") {
    return RawClient(server_.socket()).ask(method, target, body);
  }
  static Result<Json> done() { return Json{{"Id", "0123"}, {"Name", "web"}}; }

  StrictMock<MockBackend> backend_;
  TestServer server_{native_routes(backend_)};
};

TEST_F(Routes, CreateANetwork) {
  EXPECT_CALL(backend_, network_create(AllOf(Field(&api::NetworkCreate::name, "catnet"),
                                             Field(&api::NetworkCreate::internal, true))))
      .WillOnce(Return(done()));
  RawReply reply = ask("POST", "/v1/networks", R"({"Name":"catnet","Internal":true})");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.json()["Id"], "0123");
}

TEST_F(Routes, ListNetworksWithFilters) {
  EXPECT_CALL(backend_, network_list(ElementsAre(Pair("driver", ElementsAre("bridge", "host")),
                                                 Pair("name", ElementsAre("a b")))))
      .WillOnce(Return(Json::array({1, 2})));
  RawReply reply = ask("GET", "/v1/networks?filters=%7B%22name%22:%5B%22a%20b%22%5D,%22driver%22:"
                              "%5B%22bridge%22,%22host%22%5D%7D");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json(), Json::array({1, 2}));
  EXPECT_CALL(backend_, network_list(IsEmpty())).WillOnce(Return(Json::array()));
  EXPECT_EQ(ask("GET", "/v1/networks").body, "[]\n");
}

TEST_F(Routes, RefuseFiltersThatAreNoObjectOfArraysOfStrings) {
  for (const char* filters : {"x", "[]", "%7B%22a%22:1%7D", "%7B%22a%22:%5B1%5D%7D", "%7B", "1"}) {
    RawReply reply = ask("GET", std::string("/v1/networks?filters=") + filters);
    EXPECT_EQ(reply.status, 400) << filters;
    EXPECT_EQ(reply.json()["code"], "invalid") << filters;
  }
}

TEST_F(Routes, InspectRemoveAndPruneNetworks) {
  EXPECT_CALL(backend_, network_inspect("a/b")).WillOnce(Return(done()));
  EXPECT_CALL(backend_, network_remove("catnet")).WillOnce(Return(done()));
  EXPECT_CALL(backend_, network_prune(ElementsAre(Pair("label", ElementsAre("x")))))
      .WillOnce(Return(done()));
  EXPECT_EQ(ask("GET", "/v1/networks/a%2Fb").status, 200);
  EXPECT_EQ(ask("DELETE", "/v1/networks/catnet").status, 200);
  EXPECT_EQ(ask("POST", "/v1/networks/prune?filters=%7B%22label%22:%5B%22x%22%5D%7D").status, 200);
}

TEST_F(Routes, ConnectAndDisconnect) {
  EXPECT_CALL(backend_, network_connect("catnet", Field(&api::NetworkConnect::sandbox, "web")))
      .WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, network_disconnect("catnet", Field(&api::NetworkDisconnect::force, true)))
      .WillOnce(Return(Json::object()));
  EXPECT_EQ(ask("POST", "/v1/networks/catnet/connect", R"({"Sandbox":"web"})").status, 200);
  EXPECT_EQ(
      ask("POST", "/v1/networks/catnet/disconnect", R"({"Sandbox":"web","Force":true})").status,
      200);
}

TEST_F(Routes, CreateListInspectAndRemoveSandboxes) {
  EXPECT_CALL(backend_, sandbox_create(Field(&api::SandboxCreate::process,
                                             Optional(Field(&api::ProcessConfig::command,
                                                            ElementsAre("sleep", "9"))))))
      .WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_list(true, IsEmpty())).WillOnce(Return(Json::array()));
  EXPECT_CALL(backend_, sandbox_list(false, IsEmpty())).WillOnce(Return(Json::array()));
  EXPECT_CALL(backend_, sandbox_inspect("web")).WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_remove("web", true)).WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_remove("db", false)).WillOnce(Return(done()));
  EXPECT_EQ(
      ask("POST", "/v1/sandboxes", R"({"Process":{"Cmd":["sleep","9"]},"Start":true})").status,
      201);
  EXPECT_EQ(ask("GET", "/v1/sandboxes?all=1").status, 200);
  EXPECT_EQ(ask("GET", "/v1/sandboxes?all=0").status, 200);
  EXPECT_EQ(ask("GET", "/v1/sandboxes/web").status, 200);
  EXPECT_EQ(ask("DELETE", "/v1/sandboxes/web?force=1").status, 200);
  EXPECT_EQ(ask("DELETE", "/v1/sandboxes/db").status, 200);
  EXPECT_EQ(ask("GET", "/v1/sandboxes?all=perhaps").status, 400);
}

TEST_F(Routes, LifeOfASandboxWithAndWithoutABody) {
  EXPECT_CALL(backend_, sandbox_start("web", Field(&api::SandboxStart::attach, false)))
      .WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_stop("web", Field(&api::SandboxStop::timeout_seconds, 10)))
      .WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_stop("web", Field(&api::SandboxStop::timeout_seconds, 2)))
      .WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_restart("web", _)).WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_kill("web", Field(&api::SandboxKill::signal, "HUP")))
      .WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_exec("web", _)).WillOnce(Return(done()));
  EXPECT_CALL(backend_, sandbox_wait("web", false, _)).WillOnce(Return(Json{{"StatusCode", 3}}));
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/start").status, 200);
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/stop").status, 200);
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/stop", R"({"TimeoutSeconds":2})").status, 200);
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/restart").status, 200);
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/kill", R"({"Signal":"HUP"})").status, 200);
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/exec", R"({"Process":{"Cmd":["ls"]}})").status, 200);
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/wait").json()["StatusCode"], 3);
}

TEST_F(Routes, PublishAndUnpublish) {
  api::PortSpec spec;
  spec.host_ip = "127.0.0.1";
  spec.host_first = spec.host_last = 8000;
  spec.first = spec.last = 5000;
  EXPECT_CALL(backend_, sandbox_publish("web", spec)).WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_unpublish("web", spec)).WillOnce(Return(Json::object()));
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/publish", api::to_json(spec).dump()).status, 200);
  EXPECT_EQ(ask("POST", "/v1/sandboxes/web/unpublish", api::to_json(spec).dump()).status, 200);
}

TEST_F(Routes, StatusAndVersion) {
  EXPECT_CALL(backend_, status(true)).WillOnce(Return(Json{{"Ok", true}}));
  EXPECT_CALL(backend_, version()).WillOnce(Return(Json{{"Version", "1"}}));
  EXPECT_EQ(ask("GET", "/v1/status?verify=1").json()["Ok"], true);
  EXPECT_EQ(ask("GET", "/v1/version").json()["Version"], "1");
}

TEST_F(Routes, EachErrorCodeHasItsStatusAndTravelsWithItsHint) {
  const std::vector<std::pair<ErrorCode, int>> cases = {
      {ErrorCode::invalid, 400},     {ErrorCode::forbidden, 403},
      {ErrorCode::not_found, 404},   {ErrorCode::conflict, 409},
      {ErrorCode::exhausted, 503},   {ErrorCode::unsupported, 501},
      {ErrorCode::unavailable, 503}, {ErrorCode::not_executable, 400},
      {ErrorCode::no_command, 400},  {ErrorCode::internal, 500}};
  for (const auto& [code, status] : cases) {
    Error error{code, 0, "it went wrong", "turn it off"};
    EXPECT_CALL(backend_, version()).WillOnce(Return(Result<Json>(Failure(error))));
    RawReply reply = ask("GET", "/v1/version");
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(reply.json()["message"], "it went wrong");
    EXPECT_EQ(reply.json()["hint"], "turn it off");
    auto back = api::error_from_json(reply.json());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->code, code);
  }
}

TEST_F(Routes, BadBodiesReachNobody) {
  std::string nested(100'000, '[');
  for (const std::string& body :
       {std::string("{"), std::string("not json"), std::string("[]"), nested,
        std::string(R"({"Name":1})"), std::string(R"({"Nmae":"typo"})"),
        std::string("{\"Name\":\"a\"}{}"), std::string("\xff\xfe")}) {
    RawReply reply = ask("POST", "/v1/networks", body);
    EXPECT_EQ(reply.status, 400) << body.substr(0, 40);
    EXPECT_EQ(reply.json()["code"], "invalid") << body.substr(0, 40);
    EXPECT_NE(reply.json()["message"], "") << body.substr(0, 40);
  }
}

TEST_F(Routes, NamesThatAreNoUtf8DoNotBreakTheReply) {
  EXPECT_CALL(backend_, network_inspect("\xff"))
      .WillOnce(Return(Result<Json>(fail(ErrorCode::not_found, "network '\xff' not found"))));
  RawReply reply = ask("GET", "/v1/networks/%FF");
  EXPECT_EQ(reply.status, 404);
  EXPECT_FALSE(reply.json().is_discarded());
}

TEST_F(Routes, AWaitEndsWhenItsClientGoes) {
  std::latch waiting(1);
  std::latch ended(1);
  EXPECT_CALL(backend_, sandbox_wait("web", false, _))
      .WillOnce([&](auto&, bool, const std::function<bool()>& alive) -> Result<Json> {
        waiting.count_down();
        while (alive()) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        ended.count_down();
        return fail(ErrorCode::unavailable, "the client is gone");
      });
  RawClient client(server_.socket());
  client.request("POST", "/v1/sandboxes/web/wait");
  waiting.wait();
  client.close();
  ended.wait();
}

TEST_F(Routes, LogsComeAsAStream) {
  EXPECT_CALL(backend_, sandbox_logs("web", true, _))
      .WillOnce([](auto&, bool, const Sink& sink) -> Result<void> {
        EXPECT_TRUE(sink("line 1\n"));
        EXPECT_TRUE(sink("line 2\n"));
        return {};
      });
  RawClient client(server_.socket());
  client.request("GET", "/v1/sandboxes/web/logs?follow=1");
  EXPECT_TRUE(client.rest().ends_with("\r\n\r\n7\r\nline 1\n\r\n7\r\nline 2\n\r\n0\r\n\r\n"));
}

TEST_F(Routes, EmptyLogsAndMissingSandboxesAreOrdinaryReplies) {
  EXPECT_CALL(backend_, sandbox_logs("web", false, _)).WillOnce(Return(Result<void>()));
  RawReply empty = ask("GET", "/v1/sandboxes/web/logs");
  EXPECT_EQ(empty.status, 200);
  EXPECT_EQ(empty.body, "");
  EXPECT_NE(empty.header.find("text/plain"), std::string::npos);
  EXPECT_CALL(backend_, sandbox_logs("gone", false, _))
      .WillOnce(Return(Result<void>(fail(ErrorCode::not_found, "no such sandbox: gone"))));
  RawReply missing = ask("GET", "/v1/sandboxes/gone/logs?follow=0");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.json()["message"], "no such sandbox: gone");
}

} // namespace
} // namespace ebpfnet::server
