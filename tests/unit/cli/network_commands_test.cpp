// The network commands of the built program: what they ask of the daemon and what they print.
#include <gmock/gmock.h>

#include "cli/command.hpp"
#include "tests/unit/cli/program.hpp"

namespace ebpfnet::cli {
namespace {

using server::Json;
using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::Return;

const std::string kId(64, 'a');

Result<Json> refused(ErrorCode code, std::string message, std::string hint = "") {
  return Failure(Error{code, 0, std::move(message), std::move(hint)});
}

Json network(const std::string& name, const std::string& driver) {
  return {{"Id", kId},
          {"Name", name},
          {"Driver", driver},
          {"Scope", "local"},
          {"Internal", false},
          {"EnableIPv6", false},
          {"Labels", {{"a", "b"}}},
          {"Created", "2024-01-01T00:00:00Z"}};
}

TEST_F(Program, NetworkCreatePrintsTheIdAndSendsEveryFlag) {
  EXPECT_CALL(backend_, network_create(_))
      .WillOnce([](const api::NetworkCreate& request) -> Result<Json> {
        EXPECT_EQ(request.name, "dognet");
        EXPECT_EQ(request.driver, "bridge");
        EXPECT_TRUE(request.internal && request.attachable);
        EXPECT_EQ(request.enable_ipv4, false);
        EXPECT_EQ(request.enable_ipv6, true);
        EXPECT_THAT(request.options, ElementsAre(Pair("mtu", "1400")));
        EXPECT_THAT(request.labels, ElementsAre(Pair("x", "y=z")));
        EXPECT_EQ(request.ipam.size(), 2u);
        EXPECT_EQ(request.ipam.at(0).subnet, "10.55.0.0/24");
        EXPECT_EQ(request.ipam.at(0).gateway, "10.55.0.254");
        EXPECT_EQ(request.ipam.at(0).ip_range, "10.55.0.128/25");
        EXPECT_THAT(request.ipam.at(0).aux_addresses, ElementsAre(Pair("router", "10.55.0.7")));
        EXPECT_EQ(request.ipam.at(1).subnet, "fd00:55::/64");
        EXPECT_EQ(request.ipam.at(1).gateway, "fd00:55::1");
        return Json{{"Id", kId}};
      });
  Outcome done = run({"network",
                      "create",
                      "--subnet",
                      "10.55.0.0/24",
                      "--subnet=fd00:55::/64",
                      "--ip-range",
                      "10.55.0.128/25",
                      "--gateway",
                      "fd00:55::1",
                      "--gateway",
                      "10.55.0.254",
                      "--aux-address",
                      "router=10.55.0.7",
                      "--internal",
                      "--ipv6",
                      "--ipv4=false",
                      "--attachable",
                      "-o",
                      "mtu=1400",
                      "--label",
                      "x=y=z",
                      "dognet"});
  EXPECT_EQ(done.out, kId + "\n");
  EXPECT_EQ(done.err, "");
  EXPECT_EQ(done.code, 0);
}

TEST_F(Program, NetworkCreateSaysWhatDoesNotFitTogether) {
  EXPECT_EQ(run({"network", "create", "--gateway", "10.0.0.1", "n"}).err,
            "Error: every ip-range or gateway must have a corresponding subnet\n");
  EXPECT_EQ(run({"network", "create", "--subnet", "10.0.0.0/24", "--gateway", "10.1.0.1", "n"}).err,
            "Error: no matching subnet for gateway 10.1.0.1\n");
  Outcome twice = run({"network", "create", "--subnet", "10.0.0.0/24", "--gateway", "10.0.0.1",
                       "--gateway", "10.0.0.2", "n"});
  EXPECT_THAT(twice.err, HasSubstr("cannot configure multiple gateways"));
  EXPECT_EQ(twice.code, 1);
}

TEST_F(Program, ARefusalOfTheDaemonIsOneLineOnStderr) {
  EXPECT_CALL(backend_, network_create(_))
      .WillOnce(Return(
          refused(ErrorCode::invalid,
                  "invalid network config:\ninvalid subnet 10.1.2.3/24: it should be 10.1.2.0/24",
                  "clear the host bits")));
  Outcome done = run({"network", "create", "--subnet", "10.1.2.3/24", "n"});
  EXPECT_EQ(done.err,
            "Error: invalid network config: invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24 "
            "(hint: clear the host bits)\n");
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.code, 1);
}

TEST_F(Program, NetworkLsHasDockersTableJsonAndIds) {
  Json networks = {network("bridge", "bridge"), network("a-long-network-name", "macvlan")};
  EXPECT_CALL(backend_, network_list(IsEmpty())).WillRepeatedly(Return(networks));
  EXPECT_EQ(run({"network", "ls"}).out, "NETWORK ID     NAME                  DRIVER    SCOPE\n"
                                        "aaaaaaaaaaaa   bridge                bridge    local\n"
                                        "aaaaaaaaaaaa   a-long-network-name   macvlan   local\n");
  Json json = Json::parse(run({"network", "ls", "--format", "json"}).out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["ID"], "aaaaaaaaaaaa");
  EXPECT_EQ(json[0]["Name"], "bridge");
  EXPECT_EQ(json[0]["Driver"], "bridge");
  EXPECT_EQ(json[0]["Scope"], "local");
  EXPECT_EQ(json[0]["Labels"], "a=b");
  EXPECT_EQ(Json::parse(run({"network", "ls", "--format=json", "--no-trunc"}).out)[0]["ID"], kId);
  EXPECT_EQ(run({"network", "ls", "-q"}).out, "aaaaaaaaaaaa\naaaaaaaaaaaa\n");
  EXPECT_EQ(run({"network", "ls", "-q", "--no-trunc"}).out, kId + "\n" + kId + "\n");
}

TEST_F(Program, AnEmptyListStillHasItsHeaderOrIsAnEmptyArray) {
  EXPECT_CALL(backend_, network_list(_)).WillRepeatedly(Return(Json::array()));
  EXPECT_EQ(run({"network", "ls"}).out, "NETWORK ID   NAME      DRIVER    SCOPE\n");
  EXPECT_EQ(run({"network", "ls", "--format", "json"}).out, "[]\n");
  EXPECT_EQ(run({"network", "ls", "-q"}).out, "");
}

TEST_F(Program, FiltersTravelToTheDaemon) {
  EXPECT_CALL(backend_, network_list(ElementsAre(Pair("driver", ElementsAre("bridge")),
                                                 Pair("name", ElementsAre("a&b", "c")))))
      .WillOnce(Return(Json::array()));
  EXPECT_EQ(
      run({"network", "ls", "-f", "name=a&b", "--filter", "driver=bridge", "-f", "name=c"}).code,
      0);
}

TEST_F(Program, InspectPrintsWhatItFoundAndNamesWhatItDidNot) {
  EXPECT_CALL(backend_, network_inspect("bridge")).WillOnce(Return(network("bridge", "bridge")));
  EXPECT_CALL(backend_, network_inspect("nope"))
      .WillOnce(Return(refused(ErrorCode::not_found, "network nope not found")));
  Outcome done = run({"network", "inspect", "nope", "bridge"});
  EXPECT_EQ(Json::parse(done.out)[0]["Name"], "bridge");
  EXPECT_EQ(done.err, "Error: network nope not found\n");
  EXPECT_EQ(done.code, 1);
}

TEST_F(Program, RmPrintsWhatItRemovedAndGoesOnAfterAnError) {
  EXPECT_CALL(backend_, network_remove("a")).WillOnce(Return(Json{{"Name", "a"}}));
  EXPECT_CALL(backend_, network_remove("b"))
      .WillOnce(Return(refused(ErrorCode::conflict, "network b has active endpoints")));
  EXPECT_CALL(backend_, network_remove("c")).WillOnce(Return(Json{{"Name", "c"}}));
  Outcome done = run({"network", "rm", "a", "b", "c"});
  EXPECT_EQ(done.out, "a\nc\n");
  EXPECT_EQ(done.err, "Error: network b has active endpoints\n");
  EXPECT_EQ(done.code, 1);
}

TEST_F(Program, ObjectsMayBearTheNamesOfCommands) {
  EXPECT_CALL(backend_, network_remove("ls")).WillOnce(Return(Json::object()));
  EXPECT_CALL(backend_, sandbox_remove("run", false)).WillOnce(Return(Json::object()));
  EXPECT_EQ(run({"network", "rm", "ls"}).code, 0);
  EXPECT_EQ(run({"rm", "run"}).code, 0);
}

TEST_F(Program, PruneDoesNotAskWithoutATerminal) {
  EXPECT_CALL(backend_, network_prune(ElementsAre(Pair("label", ElementsAre("x")))))
      .WillOnce(Return(Json{{"NetworksDeleted", {"a", "b"}}}));
  EXPECT_EQ(run({"network", "prune", "--filter", "label=x"}).out, "Deleted Networks:\na\nb\n");
}

TEST_F(Program, ConnectAndDisconnect) {
  EXPECT_CALL(backend_, network_connect("net", _))
      .WillOnce([](auto&, const api::NetworkConnect& request) -> Result<Json> {
        EXPECT_EQ(request.sandbox, "web");
        EXPECT_EQ(request.endpoint.ipv4, "10.0.0.9");
        EXPECT_EQ(request.endpoint.gw_priority, -1);
        EXPECT_THAT(request.endpoint.aliases, ElementsAre("x", "y"));
        return Json::object();
      });
  EXPECT_CALL(backend_,
              network_disconnect("net", AllOf(Field(&api::NetworkDisconnect::sandbox, "web"),
                                              Field(&api::NetworkDisconnect::force, true))))
      .WillOnce(Return(Json::object()));
  Outcome done = run({"network", "connect", "--ip", "10.0.0.9", "--alias", "x", "--alias", "y",
                      "--gw-priority", "-1", "net", "web"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(run({"network", "disconnect", "-f", "net", "web"}).code, 0);
}

} // namespace
} // namespace ebpfnet::cli
