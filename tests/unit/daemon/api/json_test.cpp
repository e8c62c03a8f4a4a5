// Request bodies: what is read, what is written, and that no text whatever breaks the reader.
#include "daemon/api/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace ebpfnet::api {
namespace {

using testing::HasSubstr;

constexpr const char* kSandbox = R"({
  "Name": "web", "NetnsPath": "", "NetworkMode": "",
  "Networks": [{"Network": "catnet", "IPv4Address": "10.0.0.5", "IPv6Address": "",
                "MacAddress": "02:42:0a:00:00:05", "Aliases": ["w"], "GwPriority": -3}],
  "Ports": [{"HostIp": "::1", "HostPort": 8000, "HostPortEnd": 8009, "Port": 80, "PortEnd": 89, "Protocol": "udp"}],
  "PublishAll": true, "Dns": ["9.9.9.9"], "DnsSearch": ["example.org"], "DnsOptions": ["ndots:2"],
  "Hostname": "h", "ExtraHosts": ["a:1.2.3.4"], "Labels": {"k": "v"},
  "Process": {"Cmd": ["sh", "-c", "true"], "Env": ["A=B"], "User": "1:2", "WorkingDir": "/tmp",
              "CapAdd": ["NET_RAW"], "Privileged": true, "Tty": true, "OpenStdin": true},
  "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 4},
  "AutoRemove": true, "Start": true, "Attach": true})";

template <class T> std::string refusal(std::string_view body) {
  auto value = parse<T>(body);
  return value ? "accepted" : value.error().message;
}

TEST(RequestJson, ReadsEveryMemberOfASandbox) {
  auto value = parse<SandboxCreate>(kSandbox);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->name, "web");
  ASSERT_EQ(value->networks.size(), 1U);
  EXPECT_EQ(value->networks[0].gw_priority, -3);
  EXPECT_EQ(value->networks[0].aliases, std::vector<std::string>{"w"});
  ASSERT_EQ(value->ports.size(), 1U);
  EXPECT_EQ(value->ports[0], (PortSpec{"::1", 8000, 8009, 80, 89, "udp"}));
  ASSERT_TRUE(value->process);
  EXPECT_EQ(value->process->command.size(), 3U);
  EXPECT_TRUE(value->process->interactive);
  EXPECT_EQ(value->restart, (RestartPolicy{"on-failure", 4}));
  EXPECT_TRUE(value->attach);
}

TEST(RequestJson, WritesWhatItReads) {
  auto sandbox = parse<SandboxCreate>(kSandbox);
  ASSERT_TRUE(sandbox);
  EXPECT_EQ(to_json(*sandbox), nlohmann::json::parse(kSandbox));

  NetworkCreate network;
  network.name = "dognet";
  network.ipam = {{"10.55.0.0/24", "10.55.0.128/25", "10.55.0.1", {{"router", "10.55.0.2"}}}};
  const auto written = to_json(network);
  EXPECT_EQ(written["IPAM"]["Config"][0]["AuxiliaryAddresses"]["router"], "10.55.0.2");
  auto again = parse<NetworkCreate>(written.dump());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_json(*again), written);
  EXPECT_EQ(again->ipam[0].gateway, "10.55.0.1");
}

TEST(RequestJson, RoundTripsTheSmallRequests) {
  EXPECT_EQ(parse<NetworkConnect>(to_json(NetworkConnect{"s", {}}).dump())->sandbox, "s");
  EXPECT_TRUE(parse<NetworkDisconnect>(to_json(NetworkDisconnect{"s", true}).dump())->force);
  EXPECT_TRUE(parse<SandboxStart>(to_json(SandboxStart{true}).dump())->attach);
  EXPECT_EQ(parse<SandboxStop>(to_json(SandboxStop{3}).dump())->timeout_seconds, 3);
  EXPECT_EQ(parse<SandboxKill>(to_json(SandboxKill{"HUP"}).dump())->signal, "HUP");
  EXPECT_EQ(parse<AttachReply>(to_json(AttachReply{"i", "/s"}).dump())->socket, "/s");
  SandboxExec exec;
  exec.process.command = {"ls"};
  EXPECT_EQ(parse<SandboxExec>(to_json(exec).dump())->process.command, exec.process.command);
}

TEST(RequestJson, KeepsDefaultsForMissingKeys) {
  auto network = parse<NetworkCreate>("{}");
  ASSERT_TRUE(network);
  EXPECT_EQ(network->driver, "bridge");
  EXPECT_EQ(parse<SandboxStop>("{}")->timeout_seconds, 10);
  EXPECT_FALSE(parse<SandboxCreate>(R"({"Process": null})")->process);
  EXPECT_EQ(parse<SandboxCreate>(R"({"Ports":[{"HostPort":8080,"Port":80}]})")->ports[0],
            (PortSpec{"", 8080, 8080, 80, 80, "tcp"}));
}

TEST(RequestJson, RefusesUnknownKeysByName) {
  EXPECT_THAT(refusal<NetworkCreate>(R"({"Nmae": "x"})"), HasSubstr("unknown key 'Nmae'"));
  EXPECT_THAT(refusal<NetworkCreate>(R"({"IPAM": {"Config": [{"Subnett": ""}]}})"),
              HasSubstr("IPAM.Config[0]: unknown key 'Subnett'"));
  EXPECT_THAT(refusal<NetworkCreate>(R"({"IPAM": {"Konfig": []}})"),
              HasSubstr("IPAM: unknown key 'Konfig'"));
}

TEST(RequestJson, NamesThePathOfAWrongType) {
  EXPECT_THAT(refusal<SandboxCreate>(R"({"Networks": [{}, {"GwPriority": "1"}]})"),
              HasSubstr("Networks[1].GwPriority: expected an integer, found string"));
  EXPECT_THAT(refusal<SandboxCreate>(R"({"Process": {"Cmd": [1]}})"), HasSubstr("Process.Cmd[0]"));
  EXPECT_THAT(refusal<NetworkCreate>(R"({"Labels": {"a": 1}})"), HasSubstr("Labels.a"));
  EXPECT_THAT(refusal<NetworkCreate>(R"({"IPAM": []})"), HasSubstr("IPAM: expected an object"));
  EXPECT_THAT(refusal<NetworkCreate>(R"({"Name": null})"), HasSubstr("Name: expected a string"));
  EXPECT_THAT(refusal<SandboxStop>(R"({"TimeoutSeconds": 1.5})"), HasSubstr("expected an integer"));
}

TEST(RequestJson, RefusesValuesOutsideTheirRange) {
  EXPECT_THAT(refusal<SandboxStop>(R"({"TimeoutSeconds": 18446744073709551615})"),
              HasSubstr("outside"));
  EXPECT_THAT(refusal<SandboxCreate>(R"({"Ports": [{"Port": 65536}]})"),
              HasSubstr("Ports[0].Port: 65536 is outside 0..65535"));
  EXPECT_THAT(refusal<SandboxCreate>(R"({"Ports": [{"HostPort": 80}]})"), HasSubstr("Ports[0]"));
  EXPECT_THAT(refusal<SandboxCreate>(R"({"Ports": [{"Port": 80, "Protocol": "sctp"}]})"),
              HasSubstr("sctp"));
  EXPECT_THAT(refusal<SandboxCreate>(R"({"RestartPolicy": {"Name": "maybe"}})"),
              HasSubstr("RestartPolicy"));
  EXPECT_THAT(refusal<SandboxCreate>("{\"Name\": \"a\\u0000b\"}"), HasSubstr("NUL"));
  EXPECT_THAT(refusal<SandboxCreate>("{\"Labels\": {\"a\\u0000b\": \"\"}}"),
              HasSubstr("Labels: a key contains a NUL"));
  EXPECT_THAT(refusal<PortSpec>("{\"HostIp\": \"10.0.0.1\\u0000junk\", \"Port\": 80}"),
              HasSubstr("NUL"));
}

// It would be a policy that nothing acts upon.
TEST(RequestJson, RefusesTheTextFormOfARestartPolicyAsItsName) {
  for (const char* name : {"on-failure:3", "on-failure:0", "no:", "always:1"}) {
    const auto body = R"({"RestartPolicy": {"Name": ")" + std::string(name) + R"("}})";
    EXPECT_THAT(refusal<SandboxCreate>(body.c_str()), HasSubstr("RestartPolicy")) << name;
  }
}

TEST(RequestJson, RefusesWhatIsNotAnObject) {
  for (const char* body : {"", " ", "null", "[]", "1", "\"x\"", "{", "{\"Name\":", "{\"Name\":\"a",
                           "{}{}", "{\"Name\":\"a\",}", "\xff\xfe", "{\"Name\":\"\xff\"}"}) {
    EXPECT_THAT(refusal<NetworkCreate>(body), HasSubstr("invalid request body")) << body;
  }
}

TEST(RequestJson, RefusesAKeyThatOccursTwice) {
  EXPECT_THAT(refusal<NetworkCreate>(R"({"Name": "a", "Name": "b"})"),
              HasSubstr("'Name' occurs twice"));
}

TEST(RequestJson, RefusesDeepNestingWithoutHarm) {
  EXPECT_THAT(refusal<NetworkCreate>("{\"IPAM\":" + std::string(1'000'000, '[')),
              HasSubstr("32 levels"));
  const std::string in_a_string = "{\"Name\":\"" + std::string(100, '[') + "\\\"{\"}";
  EXPECT_EQ(refusal<NetworkCreate>(in_a_string), "accepted");
}

TEST(RequestJson, SurvivesEveryTruncationAndManyMutations) {
  const std::string whole = nlohmann::json::parse(kSandbox).dump();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parse<SandboxCreate>(std::string_view(whole).substr(0, length))) << length;
  }
  std::mt19937 random(20240611);
  for (int round = 0; round < 20'000; ++round) {
    std::string body = whole;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    if (auto value = parse<SandboxCreate>(body)) {
      const auto written = to_json(*value).dump();
      ASSERT_TRUE(parse<SandboxCreate>(written)) << written;
    }
  }
}

} // namespace
} // namespace ebpfnet::api
