// Networks and sandboxes in memory: finding them, writing and reading their documents, choosing the
// gateway, and what clients see of them.
#include <gmock/gmock.h>

#include "daemon/network/gateway.hpp"
#include "daemon/network/registry.hpp"
#include "daemon/network/views.hpp"

namespace ebpfnet::network {
namespace {

using testing::HasSubstr;

std::shared_ptr<Network> network(const std::string& name, const char* gateway = "10.0.0.1") {
  auto out = std::make_shared<Network>();
  out->id = name + std::string(64 - name.size(), '0');
  out->name = name;
  out->driver = "bridge";
  out->created = "2026-01-02T03:04:05.000000006Z";
  out->options = {{"com.docker.network.driver.mtu", "1400"}};
  out->labels = {{"tenant", "cats"}, {"empty", ""}};
  ipam::SubnetPlan subnet{IpPrefix::from("10.0.0.0/24").value(),
                          IpPrefix::from("10.0.0.128/25").value(),
                          std::nullopt,
                          {{"printer", IpAddress::from("10.0.0.9").value()}}};
  if (*gateway != '\0') {
    subnet.gateway = IpAddress::from(gateway).value();
  }
  out->plan.subnets = {subnet};
  out->index = NetworkIndex(7);
  out->bridge = "ebn123";
  out->bridge_mac = Mac::from("02:42:00:00:00:07").value();
  out->mtu = 1400;
  return out;
}

// With IPv6 too, or with nothing else.
std::shared_ptr<Network> network6(const std::string& name, bool ipv4 = true) {
  auto out = network(name);
  ipam::SubnetPlan subnet;
  subnet.subnet = subnet.range = IpPrefix::from("fd00:55::/64").value();
  subnet.gateway = IpAddress::from("fd00:55::1").value();
  out->plan.subnets.push_back(subnet);
  if (!ipv4) {
    out->plan.subnets.erase(out->plan.subnets.begin());
  }
  return out;
}

std::shared_ptr<Endpoint> endpoint(const Network& network, int priority = 0) {
  auto out = std::make_shared<Endpoint>();
  out->id = "e-" + network.name;
  out->network_id = network.id;
  out->ifname = "eth0";
  out->slot = Slot(9);
  out->ipv4 = IpAddress::from("10.0.0.130").value();
  out->mac = Mac::from("02:42:0a:00:00:82").value();
  out->aliases = {"db", "Data"};
  out->gw_priority = priority;
  return out;
}

std::shared_ptr<Sandbox> sandbox(const std::string& id, const std::string& name) {
  auto out = std::make_shared<Sandbox>();
  out->id = id;
  out->name = name;
  out->created = "2026-01-02T03:04:05.000000006Z";
  out->ready = true;
  return out;
}

std::string chosen(const std::vector<Attachment>& attachments, Family family = Family::v4) {
  const Attachment best = choose_gateway(attachments, family);
  return best.endpoint ? best.network->name : "none";
}

Attachment attached(const std::shared_ptr<Network>& network, int priority = 0) {
  return {endpoint(*network, priority), network};
}

TEST(Gateway, IsOfTheFirstNetworkByName) {
  EXPECT_EQ(chosen({attached(network("b")), attached(network("a")), attached(network("c"))}), "a");
  EXPECT_EQ(chosen({}), "none");
}

TEST(Gateway, PriorityGoesBeforeTheName) {
  EXPECT_EQ(chosen({attached(network("a")), attached(network("b"), 1)}), "b");
  EXPECT_EQ(chosen({attached(network("a"), -1), attached(network("b"))}), "b");
  EXPECT_EQ(chosen({attached(network("a"), 5), attached(network("b"), 5)}), "a");
}

TEST(Gateway, ANetworkThatLeadsNowhereIsNeverChosen) {
  const auto internal = network("a");
  internal->internal = true;
  EXPECT_EQ(chosen({attached(internal, 100), attached(network("b"), -100)}), "b");
  EXPECT_EQ(chosen({attached(network("a", ""), 100), attached(network("b"))}), "b");
  EXPECT_EQ(chosen({attached(internal), attached(network("z", ""))}), "none");
}

TEST(Gateway, OfEachFamilyIsChosenByItself) {
  const std::vector<Attachment> apart = {attached(network("a")), attached(network6("b", false))};
  EXPECT_EQ(chosen(apart, Family::v4), "a");
  EXPECT_EQ(chosen(apart, Family::v6), "b");
  EXPECT_EQ(chosen({attached(network("a"))}, Family::v6), "none");
}

TEST(Gateway, ANetworkWithBothFamiliesGoesBeforeOneWithOneUnlessPriorityDecides) {
  const auto four = network("a");
  const auto both = network6("b");
  EXPECT_EQ(chosen({attached(four), attached(both)}, Family::v4), "b");
  EXPECT_EQ(chosen({attached(four, 1), attached(both)}, Family::v4), "a");
  EXPECT_EQ(chosen({attached(four, 1), attached(both)}, Family::v6), "b");
}

class Lookup : public testing::Test {
protected:
  Lookup() {
    add("aaaa1111", "web");
    add("aaaa2222", "db");
    add("bbbb3333", "aaaa1");
  }
  void add(const std::string& id, const std::string& name) { registry_.add(sandbox(id, name)); }
  std::string found(const std::string& ref) {
    const auto result = registry_.find_sandbox(ref);
    return result ? (*result)->id : result.error().message;
  }
  Registry registry_;
};

TEST_F(Lookup, FindsByNameIdAndUniquePrefix) {
  EXPECT_EQ(found("web"), "aaaa1111");
  EXPECT_EQ(found("aaaa2222"), "aaaa2222");
  EXPECT_EQ(found("b"), "bbbb3333");
}

TEST_F(Lookup, ANameWinsOverAPrefix) {
  EXPECT_EQ(found("aaaa1"), "bbbb3333");
  EXPECT_EQ(found("aaaa11"), "aaaa1111");
}

TEST_F(Lookup, RefusesAPrefixOfSeveralAndWhatIsNotThere) {
  EXPECT_EQ(found("aaaa"), "sandbox id prefix 'aaaa' is ambiguous");
  EXPECT_EQ(found("aaaa11112"), "sandbox aaaa11112 not found");
  EXPECT_EQ(found(""), "sandbox  not found");
  EXPECT_EQ(registry_.find_network("x").error().hint, "see 'ebpfnet network ls'");
}

TEST(Documents, ANetworkIsReadAsItWasWritten) {
  const auto before = network("cat");
  before->internal = before->attachable = true;
  before->plan.subnets.front().overlapping = true;
  const Json document = to_document(*before);
  const auto after = network_from_document(before->id, document);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(to_document(**after), document);
  EXPECT_EQ((*after)->id, before->id);
  EXPECT_EQ((*after)->plan.subnets.at(0).aux, before->plan.subnets.at(0).aux);
  EXPECT_TRUE((*after)->allocator);
}

TEST(Documents, WhatWasWrittenBeforeIpv6IsRead) {
  Json old = to_document(*network("cat"));
  old.erase("last_ipv6");
  old["subnets"][0].erase("overlapping");
  old["overlapping"] = true;
  EXPECT_TRUE(network_from_document("id", old).value()->plan.subnets.at(0).overlapping);
  Json end = to_document(*endpoint(*network("cat")));
  end.erase("ipv6");
  EXPECT_TRUE(endpoint_from_document("id", end).value()->ipv6.is_unspecified());
}

TEST(Documents, AnEndpointIsReadAsItWasWritten) {
  const auto before = endpoint(*network("cat"), -3);
  before->ipv6 = IpAddress::from("fd00:55::2").value();
  before->sandbox_id = "s";
  const Json document = to_document(*before);
  const auto after = endpoint_from_document(before->id, document);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(to_document(**after), document);
  EXPECT_FALSE((*after)->connected);
}

TEST(Documents, ASandboxIsReadAsItWasWritten) {
  const auto before = sandbox("aaaa", "web");
  before->index = SandboxIndex(3);
  before->config.name = "web";
  before->config.labels = {{"a", "b"}};
  before->config.restart = {"on-failure", 4};
  before->config.process = api::ProcessConfig{.command = {"sh", "-c", "true"}, .tty = true};
  before->state = SandboxState::exited;
  before->exit_code = 137;
  before->restart_count = 2;
  before->stopped_by_user = true;
  before->next_ifname = 4;
  before->ports = {api::PortSpec::from("[::1]:8000-8010:80-90/udp").value(),
                   api::PortSpec::from("127.0.0.1:9000:90").value(),
                   api::PortSpec::from("7000:70").value()};
  const Json document = to_document(*before);
  const auto after = sandbox_from_document(before->id, document);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(to_document(**after), [&] {
    Json expected = document;
    expected["endpoints"] = Json::array();
    return expected;
  }());
  EXPECT_EQ((*after)->ports, before->ports);
  EXPECT_EQ((*after)->state, SandboxState::exited);
}

// Every value of a document in turn is removed, and replaced by another type.
template <class Read> void damage(const Json& document, Read read) {
  for (const auto& [key, value] : document.items()) {
    Json without = document;
    without.erase(key);
    [[maybe_unused]] const auto missing = read("id", without);
    for (const Json& other :
         {Json(), Json("text"), Json(-1), Json(1e300), Json::array({Json::object()}),
          Json::object({{"x", Json::array()}})}) {
      Json changed = document;
      changed[key] = other;
      const auto result = read("id", changed);
      EXPECT_TRUE(result || !result.error().message.empty()) << key << " = " << other.dump();
    }
  }
}

TEST(Documents, NumbersAreWholeAndWithinTheirLimits) {
  for (const Json& number : {Json(1.5), Json(1e300), Json(-1), Json(4294967296), Json("1")}) {
    Json document = to_document(*network("cat"));
    document["mtu"] = number;
    const auto read = network_from_document("id", document);
    ASSERT_FALSE(read) << number.dump();
    EXPECT_NE(read.error().message.find("network id"), std::string::npos) << read.error().message;
    EXPECT_NE(read.error().message.find(number.dump()), std::string::npos) << read.error().message;
  }
}

TEST(Documents, ADamagedOneIsAnErrorAndNeverAnException) {
  const auto net = network("cat");
  damage(to_document(*net), network_from_document);
  damage(to_document(*endpoint(*net)), endpoint_from_document);
  damage(to_document(*sandbox("a", "web")), sandbox_from_document);
  Json bad_subnet = to_document(*net);
  bad_subnet["subnets"][0]["aux"] = {{"x", 5}};
  EXPECT_FALSE(network_from_document("id", bad_subnet));
}

TEST(Documents, ASubnetHoldsItsRangeAndItsAddresses) {
  const Json good = to_document(*network("cat"));
  const std::pair<const char*, Json> foreign[] = {{"range", "10.0.1.0/24"},
                                                  {"range", "fd00::/64"},
                                                  {"gateway", "192.0.2.1"},
                                                  {"aux", {{"printer", "::1"}}}};
  for (const auto& [key, value] : foreign) {
    Json document = good;
    document["subnets"][0][key] = value;
    const auto read = network_from_document("id", document);
    ASSERT_FALSE(read) << document.dump();
    EXPECT_THAT(read.error().message, HasSubstr("subnet 10.0.0.0/24")) << key;
  }
}

class Views : public testing::Test {
protected:
  Views() {
    net_ = network("cat");
    box_ = sandbox("0123456789abcdef", "web");
    auto end = endpoint(*net_);
    end->sandbox_id = box_->id;
    box_->endpoints = {end};
    box_->config.labels = {{"tier", "front"}};
    registry_.networks[net_->id] = net_;
    registry_.add(box_);
  }
  bool shown(const server::Filters& filters) { return matches(registry_, *box_, filters).value(); }
  bool listed(const server::Filters& filters) { return matches(*net_, filters).value(); }

  Registry registry_;
  std::shared_ptr<Network> net_;
  std::shared_ptr<Sandbox> box_;
};

TEST_F(Views, ANetworkShowsItsPlanAndItsSandboxes) {
  const Json view = network_view(registry_, *net_);
  EXPECT_EQ(view["Name"], "cat");
  EXPECT_EQ(view["IPAM"]["Config"][0]["Subnet"], "10.0.0.0/24");
  EXPECT_EQ(view["IPAM"]["Config"][0]["IPRange"], "10.0.0.128/25");
  EXPECT_EQ(view["IPAM"]["Config"][0]["AuxiliaryAddresses"]["printer"], "10.0.0.9");
  EXPECT_EQ(view["Containers"][box_->id]["IPv4Address"], "10.0.0.130/24");
}

TEST_F(Views, IPv6IsShownWhereItIs) {
  EXPECT_EQ(network_view(registry_, *net_)["EnableIPv6"], false);
  EXPECT_EQ(network_view(registry_, *net_)["Containers"][box_->id]["IPv6Address"], "");
  net_->plan = network6("cat", false)->plan;
  box_->endpoints.front()->ipv4 = IpAddress();
  box_->endpoints.front()->ipv6 = IpAddress::from("fd00:55::2").value();
  const Json view = network_view(registry_, *net_);
  EXPECT_EQ(view["EnableIPv4"], false);
  EXPECT_EQ(view["EnableIPv6"], true);
  EXPECT_EQ(view["Containers"][box_->id]["IPv4Address"], "");
  EXPECT_EQ(view["Containers"][box_->id]["IPv6Address"], "fd00:55::2/64");
  const Json end = sandbox_view(registry_, *box_, "")["NetworkSettings"]["Networks"]["cat"];
  EXPECT_EQ(end["IPAddress"], "");
  EXPECT_EQ(end["IPPrefixLen"], 0);
  EXPECT_EQ(end["Gateway"], "");
  EXPECT_EQ(end["GlobalIPv6Address"], "fd00:55::2");
  EXPECT_EQ(end["GlobalIPv6PrefixLen"], 64);
  EXPECT_EQ(end["IPv6Gateway"], "fd00:55::1");
  box_->ports = {api::PortSpec::from("8000:80").value()};
  EXPECT_EQ(sandbox_summary(registry_, *box_)["Ports"], "[::]:8000->80/tcp");
}

TEST_F(Views, WhatIsBeingMadeIsNotShown) {
  box_->ready = false;
  EXPECT_EQ(network_view(registry_, *net_)["Containers"], Json::object());
}

TEST_F(Views, ASandboxShowsItsEndpointsInDockersWords) {
  const Json view = sandbox_view(registry_, *box_, "/run/ns");
  const Json& shown = view["NetworkSettings"]["Networks"]["cat"];
  EXPECT_EQ(shown["IPAddress"], "10.0.0.130");
  EXPECT_EQ(shown["IPPrefixLen"], 24);
  EXPECT_EQ(shown["Gateway"], "10.0.0.1");
  EXPECT_EQ(shown["DNSNames"], Json({"web", "db", "Data", "0123456789ab"}));
  EXPECT_EQ(view["NetworkSettings"]["SandboxKey"], "/run/ns");
}

TEST_F(Views, PublishedPortsAreRowsPerPortAndRangesInTables) {
  box_->ports = {api::PortSpec::from("8000-8001:80-81").value(),
                 api::PortSpec::from("[::1]:9000:90/udp").value()};
  const Json ports = sandbox_view(registry_, *box_, "")["NetworkSettings"]["Ports"];
  EXPECT_EQ(ports.size(), 3U);
  EXPECT_EQ(
      ports["81/tcp"],
      Json::parse(R"([{"HostIp":"0.0.0.0","HostPort":"8001"},{"HostIp":"::","HostPort":"8001"}])"));
  EXPECT_EQ(ports["90/udp"], Json::parse(R"([{"HostIp":"::1","HostPort":"9000"}])"));
  EXPECT_EQ(sandbox_summary(registry_, *box_)["Ports"],
            "0.0.0.0:8000-8001->80-81/tcp, [::]:8000-8001->80-81/tcp, [::1]:9000->90/udp");
}

TEST_F(Views, FiltersOfSandboxesAreAllMetByOneOfTheirValues) {
  EXPECT_TRUE(shown({}));
  EXPECT_TRUE(shown({{"name", {"nobody", "we"}}, {"network", {"cat"}}, {"label", {"tier=front"}}}));
  EXPECT_FALSE(shown({{"name", {"we"}}, {"network", {"dog"}}}));
  EXPECT_TRUE(shown({{"id", {"0123"}}, {"status", {"created"}}, {"label", {"tier"}}}));
  EXPECT_FALSE(shown({{"label", {"tier=back"}}}));
  EXPECT_FALSE(shown({{"label", {"tier", "other"}}})); // labels are all required, as in Docker
  EXPECT_FALSE(shown({{"status", {"running"}}}));
}

TEST_F(Views, FiltersOfNetworksAreAllMetByOneOfTheirValues) {
  EXPECT_TRUE(listed({{"name", {"at"}}, {"driver", {"bridge"}}, {"type", {"custom"}}}));
  EXPECT_FALSE(listed({{"type", {"builtin"}}}));
  EXPECT_TRUE(listed({{"label", {"tenant=cats", "empty="}}, {"scope", {"local"}}}));
  EXPECT_FALSE(listed({{"scope", {"swarm"}}}));
  EXPECT_FALSE(listed({{"id", {"at"}}}));
}

TEST_F(Views, AnUnknownFilterIsRefusedByName) {
  EXPECT_EQ(matches(*net_, {{"colour", {"red"}}}).error().message, "invalid filter 'colour'");
  EXPECT_EQ(matches(registry_, *box_, {{"colour", {"red"}}}).error().message,
            "invalid filter 'colour'");
}

TEST_F(Views, TheStatusSaysHowItEnded) {
  EXPECT_EQ(status_text(*box_), "Created");
  box_->state = SandboxState::exited;
  box_->exit_code = 3;
  EXPECT_EQ(status_text(*box_), "Exited (3)");
  box_->restarting = true;
  EXPECT_EQ(status_text(*box_), "Restarting (3)");
}

} // namespace
} // namespace ebpfnet::network
