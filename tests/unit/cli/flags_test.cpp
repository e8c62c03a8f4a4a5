// From flags to requests: networks, ports, environment, labels, filters.
#include "cli/sandbox_flags.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "cli/endpoint_spec.hpp"
#include "cli/output.hpp"

namespace ebpfnet::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class Flags : public ::testing::Test {
protected:
  // Parses words as `sandbox create` and `run` do.
  Result<api::SandboxCreate> request(std::vector<std::string> words) {
    Arguments arguments;
    SandboxFlags flags;
    add_sandbox_flags(arguments, flags);
    EXPECT_TRUE(arguments.parse(std::move(words)));
    return to_request(context_, flags);
  }
  std::string refusal(std::vector<std::string> words) {
    auto made = request(std::move(words));
    EXPECT_FALSE(made);
    EXPECT_TRUE(context_.usage_error);
    return made ? "" : made.error().story();
  }
  Client client_ = *Client::from("unix:///nowhere");
  Context context_{client_, {}};
};

TEST_F(Flags, SeveralNetworksAndAddressesForTheFirst) {
  auto made = request({"--network", "a", "--network", "b", "--ip", "10.0.0.9", "--ip6", "fd00::9",
                       "--mac-address", "02:42:0a:00:00:09", "--network-alias", "x",
                       "--network-alias", "y"});
  ASSERT_TRUE(made) << made.error().story();
  ASSERT_EQ(made->networks.size(), 2u);
  EXPECT_EQ(made->networks[0].network, "a");
  EXPECT_EQ(made->networks[0].ipv4, "10.0.0.9");
  EXPECT_EQ(made->networks[0].ipv6, "fd00::9");
  EXPECT_EQ(made->networks[0].mac, "02:42:0a:00:00:09");
  EXPECT_THAT(made->networks[0].aliases, ElementsAre("x", "y"));
  EXPECT_EQ(made->networks[1].network, "b");
  EXPECT_EQ(made->networks[1].ipv4, "");
}

TEST_F(Flags, WithoutNetworkTheDaemonChoosesAndAddressesGoToTheBridge) {
  EXPECT_TRUE(request({})->networks.empty());
  EXPECT_EQ(request({"--ip", "1.2.3.4"})->networks[0].network, "bridge");
}

TEST_F(Flags, ModesStandAlone) {
  for (const char* mode : {"host", "none", "container:web"}) {
    auto made = request({"--network", mode});
    ASSERT_TRUE(made) << mode;
    EXPECT_EQ(made->network_mode, mode);
    EXPECT_TRUE(made->networks.empty());
  }
  EXPECT_THAT(refusal({"--network", "host", "--network", "a"}), HasSubstr("cannot be combined"));
  EXPECT_THAT(refusal({"--network", "a", "--network", "none"}), HasSubstr("cannot be combined"));
  EXPECT_THAT(refusal({"--network", "container:x", "--ip", "1.2.3.4"}),
              HasSubstr("no address or alias"));
}

TEST_F(Flags, LongFormCarriesEveryField) {
  auto endpoint = parse_endpoint("name=net,alias=a,alias=b,ip=10.0.0.2,ip6=fd00::2,mac-address=02:"
                                 "00:00:00:00:01,gw-priority=-5");
  ASSERT_TRUE(endpoint) << endpoint.error().story();
  EXPECT_EQ(endpoint->network, "net");
  EXPECT_THAT(endpoint->aliases, ElementsAre("a", "b"));
  EXPECT_EQ(endpoint->ipv4, "10.0.0.2");
  EXPECT_EQ(endpoint->ipv6, "fd00::2");
  EXPECT_EQ(endpoint->mac, "02:00:00:00:00:01");
  EXPECT_EQ(endpoint->gw_priority, -5);
}

TEST_F(Flags, LongFormRefusesWhatItDoesNotKnow) {
  EXPECT_THAT(parse_endpoint("alias=a").error().message,
              HasSubstr("the name of the network is missing"));
  EXPECT_THAT(parse_endpoint("").error().message, HasSubstr("the name of the network is missing"));
  EXPECT_THAT(parse_endpoint("name=a,mtu=9").error().message, HasSubstr("unknown field 'mtu'"));
  EXPECT_THAT(parse_endpoint("name=a,ip=").error().message, HasSubstr("field 'ip' has no value"));
  EXPECT_THAT(parse_endpoint("name=a,").error().message, HasSubstr("no value"));
  EXPECT_THAT(parse_endpoint("name=a,gw-priority=9x").error().message,
              HasSubstr("'9x' is not a number"));
  EXPECT_THAT(parse_endpoint("name=a,gw-priority=99999999999").error().message,
              HasSubstr("is not a number"));
  EXPECT_THAT(parse_endpoint("name=a,driver-opt=x=y").error().message,
              HasSubstr("'driver-opt' is not built yet"));
}

TEST_F(Flags, AnAddressGivenTwiceIsRefused) {
  EXPECT_THAT(refusal({"--network", "name=a,ip=10.0.0.2", "--ip", "10.0.0.3"}),
              HasSubstr("cannot both be given"));
}

TEST_F(Flags, PortsAreTakenApart) {
  auto made = request({"-p", "127.0.0.1:8000-8001:5000-5001/udp", "-p", "80", "-P"});
  ASSERT_TRUE(made) << made.error().story();
  EXPECT_EQ(made->ports[0].host_ip, "127.0.0.1");
  EXPECT_EQ(made->ports[0].host_last, 8001);
  EXPECT_EQ(made->ports[0].protocol, "udp");
  EXPECT_EQ(made->ports[1].first, 80);
  EXPECT_TRUE(made->publish_all);
  EXPECT_THAT(refusal({"-p", "eighty"}), HasSubstr("eighty"));
}

TEST_F(Flags, ShortAndLongNamesAsInDocker) {
  auto made =
      request({"-h", "box", "--dns", "1.1.1.1", "--dns-search", "x.org", "--dns-opt", "ndots:2",
               "--add-host", "a:1.2.3.4", "-l", "tier=web", "--label", "bare", "--net", "n"});
  ASSERT_TRUE(made) << made.error().story();
  EXPECT_EQ(made->hostname, "box");
  EXPECT_THAT(made->dns, ElementsAre("1.1.1.1"));
  EXPECT_THAT(made->dns_search, ElementsAre("x.org"));
  EXPECT_THAT(made->dns_options, ElementsAre("ndots:2"));
  EXPECT_THAT(made->extra_hosts, ElementsAre("a:1.2.3.4"));
  EXPECT_THAT(made->labels, ElementsAre(Pair("bare", ""), Pair("tier", "web")));
  EXPECT_EQ(made->networks[0].network, "n");
}

TEST_F(Flags, EnvironmentComesFromTheFlagOrFromHere) {
  ::setenv("EBN_TEST_SET", "from here", 1);
  ::unsetenv("EBN_TEST_UNSET");
  context_.command = {"env"};
  ProcessFlags flags;
  flags.env = {"A=1", "B=", "C=x=y", "EBN_TEST_SET", "EBN_TEST_UNSET"};
  auto process = to_process(context_, flags);
  ASSERT_TRUE(process);
  EXPECT_THAT(process->env, ElementsAre("A=1", "B=", "C=x=y", "EBN_TEST_SET=from here"));
  flags.env = {"=x"};
  EXPECT_FALSE(to_process(context_, flags));
}

TEST_F(Flags, ACommandMustBeThere) {
  auto process = to_process(context_, {});
  ASSERT_FALSE(process);
  EXPECT_TRUE(context_.usage_error);
  EXPECT_THAT(process.error().message, HasSubstr("command to run is missing"));
}

TEST_F(Flags, FiltersAreGroupedByName) {
  EXPECT_EQ(*filters_json(context_, {}), "");
  EXPECT_EQ(*filters_json(context_, {"name=a", "name=b", "label=x=y"}),
            R"({"label":["x=y"],"name":["a","b"]})");
  EXPECT_FALSE(filters_json(context_, {"name"}));
  EXPECT_FALSE(filters_json(context_, {"=x"}));
}

TEST(Output, TablesAreAlignedAsDockerAlignsThem) {
  Table table({"NETWORK ID", "NAME", "DRIVER", "SCOPE"});
  table.add({"0123456789ab", "bridge", "bridge", "local"});
  table.add({"ba9876543210", "k\u00e4tzchen", "macvlan", "local"});
  EXPECT_EQ(table.text(), "NETWORK ID     NAME       DRIVER    SCOPE\n"
                          "0123456789ab   bridge     bridge    local\n"
                          "ba9876543210   k\u00e4tzchen   macvlan   local\n");
}

TEST(Output, TreesShowNestedValuesByIndentation) {
  nlohmann::json json = {{"Daemon", {{"Pid", 7}, {"Ok", true}}},
                         {"Uplinks", {"eth0", "eth1"}},
                         {"Maps", {{{"Name", "ct"}, {"Used", 3}}}},
                         {"None", nlohmann::json::array()}};
  EXPECT_EQ(tree_text(json),
            "Daemon:\n  Ok: true\n  Pid: 7\nMaps:\n  -\n    Name: ct\n    Used: 3\n"
            "None: none\nUplinks: eth0,eth1\n");
}

TEST(ClientPaths, AreEscaped) {
  EXPECT_EQ(path_of("networks", "a/b c%", "connect"), "/v1/networks/a%2Fb%20c%25/connect");
  EXPECT_EQ(query_of({{"a", "x&y"}, {"b", ""}, {"c", "1"}}), "?a=x%26y&c=1");
  EXPECT_EQ(query_of({}), "");
}

TEST(ClientAddress, MustBeAUnixSocket) {
  EXPECT_TRUE(Client::from("unix:///run/x.sock"));
  for (std::string host : {"", "tcp://1.2.3.4:5", "/run/x.sock", "unix://", "unix://relative"}) {
    EXPECT_FALSE(Client::from(host)) << host;
  }
  EXPECT_FALSE(Client::from("unix:///" + std::string(200, 'x')));
}

} // namespace
} // namespace ebpfnet::cli
