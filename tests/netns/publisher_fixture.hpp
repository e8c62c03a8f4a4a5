// A publisher with the maps of a real data plane, in a network namespace of its own.
#pragma once

#include <gmock/gmock.h>
#include <netinet/in.h>

#include <boost/asio/io_context.hpp>
#include <set>

#include "daemon/netlink/sysctl.hpp"
#include "daemon/network/publisher.hpp"
#include "maps/view/convert.hpp"
#include "tests/netns/fixture.hpp"

namespace ebpfnet::network {

using netlink::succeeded;

class PublisherTest : public netlink::NetnsTest {
protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    ASSERT_OK(netlink::set_link_up(socket(), IfIndex(1)));
    std::filesystem::create_directory(file("bpf"));
    ASSERT_EQ(::mount("bpf", file("bpf").c_str(), "bpf", 0, nullptr), 0) << std::strerror(errno);
    ebn_config config{};
    config.masq_first = 61000;
    config.masq_last = 65535;
    auto plane = loader::DataPlane::open({file("bpf") / "ebn", config});
    ASSERT_OK(plane);
    plane_ = std::move(*plane);
    auto store = state::Store::open(file("state"));
    ASSERT_OK(store);
    store_.emplace(std::move(*store));
    dns_.emplace(loop_, names_);
    auto links = netlink::LinkRemover::create([](const std::function<void()>& job) { job(); });
    ASSERT_OK(links);
    links_ = std::move(*links);
    context_.emplace(Context{{}, "test", *store_, *plane_, names_, *dns_, registry_, *links_});
    begin_life();
  }

  void TearDown() override {
    publisher_.reset();
    context_.reset();
    links_.reset();
    dns_.reset();
    plane_.reset();
    store_.reset();
    NetnsTest::TearDown();
  }

  // A daemon that starts: nothing in memory, the maps as they are.
  void begin_life() { publisher_.emplace(*context_); }

  Result<std::vector<api::PortSpec>> reserve(const std::string& sandbox, std::string_view spec,
                                             bool check_host = true) {
    Sandbox owner;
    owner.id = owner.name = sandbox;
    return publisher_->reserve(owner, {api::PortSpec::from(spec).value()}, check_host);
  }
  std::string refusal(const std::string& sandbox, std::string_view spec) {
    const auto done = reserve(sandbox, spec);
    return done ? "accepted" : done.error().message;
  }
  // One endpoint for both families.
  static Servers by(std::uint32_t slot) { return {Slot(slot), Slot(slot)}; }
  void publish(const std::string& sandbox, std::string_view spec, std::uint32_t slot) {
    ASSERT_OK(reserve(sandbox, spec));
    ASSERT_OK(publisher_->serve(sandbox, by(slot)));
  }

  std::vector<std::string> problems() { return publisher_->problems().value(); }

  std::uint32_t head(std::uint16_t port, std::uint8_t protocol = IPPROTO_TCP) {
    return plane_->maps().port_index.get(protocol, port);
  }
  ebn_publish record(std::uint32_t id) { return *plane_->maps().published.get(id).value(); }

  // What a packet to this port can find: "ADDRESS or *4 *6 -> slot:port", by walking the chain.
  std::multiset<std::string> served(std::uint16_t port, std::uint8_t protocol = IPPROTO_TCP) {
    std::multiset<std::string> out;
    int steps = 0;
    for (std::uint32_t id = head(port, protocol); id != 0;) {
      const ebn_publish found = record(id);
      EXPECT_EQ(found.proto, protocol) << "port " << port << " leads to record " << id;
      if (++steps > EBN_MAX_PUBLISH_CHAIN || found.proto != protocol) {
        ADD_FAILURE() << "the chain of port " << port << " is broken";
        break;
      }
      if (found.first <= port && port <= found.last) {
        const auto target = static_cast<std::uint16_t>(found.target + (port - found.first));
        out.insert(answer(view::from_abi(found.host), found.flags, found.slot, target));
      }
      id = found.next;
    }
    return out;
  }
  static std::string answer(const IpAddress& host, unsigned flags, std::uint32_t slot,
                            std::uint16_t port) {
    return fmt::format("{}{}{} -> {}:{}", (flags & EBN_PUB_ANY4) != 0 ? "*4" : "",
                       (flags & EBN_PUB_ANY6) != 0 ? "*6" : "", host.to_string(), slot, port);
  }

  std::size_t records_in_use() {
    std::size_t used = 0;
    for (std::uint32_t id = 1; id < EBN_MAX_PUBLISHES; ++id) {
      used += record(id).proto != 0 ? 1 : 0;
    }
    return used;
  }

  boost::asio::io_context loop_;
  services::Registry names_;
  Registry registry_;
  std::optional<state::Store> store_;
  std::unique_ptr<loader::DataPlane> plane_;
  std::optional<dns::Server> dns_;
  std::unique_ptr<netlink::LinkRemover> links_;
  std::optional<Context> context_;
  std::optional<Publisher> publisher_;
};

} // namespace ebpfnet::network
