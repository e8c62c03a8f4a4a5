// Many interfaces that go at once, for callers who do not wait longer than they must.
#include "daemon/netlink/link_remover.hpp"

#include <atomic>
#include <latch>
#include <list>
#include <semaphore>
#include <thread>

#include "tests/netns/fixture.hpp"

namespace ebpfnet::netlink {
namespace {

class LinkRemoverTest : public NetnsTest {
protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    auto remover = LinkRemover::create([this](std::function<void()> job) {
      ++requests_;
      jobs_.emplace_back([this, job = std::move(job)] {
        gate_.acquire();
        job();
      });
    });
    ASSERT_OK(remover);
    remover_ = std::move(*remover);
  }
  void TearDown() override {
    open_gate();
    for (std::thread& job : jobs_) {
      job.join();
    }
    remover_.reset();
    NetnsTest::TearDown();
  }
  void open_gate() { gate_.release(kMany); }

  // veths 1000, 1001, ... with their peers in a namespace of their own.
  void make(std::uint32_t count) {
    inside_ = new_netns("inside");
    const IfIndex bridge = new_bridge();
    for (std::uint32_t n = 0; n < count; ++n) {
      ASSERT_OK(create_veth(socket(), spec(n, bridge)));
      ASSERT_OK(set_link_up(socket(), IfIndex(1000 + n)));
    }
  }
  VethSpec spec(std::uint32_t n, IfIndex bridge) const {
    VethSpec out = veth(inside_.get(), bridge);
    out.host_name = fmt::format("host{}", n);
    out.host_index = IfIndex(1000 + n);
    out.peer_name = fmt::format("peer{}", n);
    return out;
  }
  std::size_t links_inside() {
    auto there = Socket::open_in(inside_.get()).value();
    return list_links(there).value().size() - 1; // lo
  }

  static constexpr int kMany = 1000;
  std::counting_semaphore<> gate_{0}; // of requests
  std::atomic<int> requests_ = 0;
  std::list<std::thread> jobs_;
  std::unique_ptr<LinkRemover> remover_;
  UniqueFd inside_;
};

TEST_F(LinkRemoverTest, ReturnsWhenNumberNameAndPeerAreFree) {
  open_gate();
  make(1);
  for (int round = 0; round < 3; ++round) {
    ASSERT_OK(remover_->remove(IfIndex(1000)));
    EXPECT_FALSE(find_link(socket(), IfIndex(1000)).value());
    EXPECT_EQ(links_inside(), 0U);
    ASSERT_OK(create_veth(socket(), spec(0, IfIndex())));
  }
}

TEST_F(LinkRemoverTest, WhatComesWhileARequestIsAtWorkGoesWithTheNextOnes) {
  constexpr std::uint32_t kCount = 100;
  make(kCount);
  std::latch arrived(kCount);
  std::vector<std::thread> callers;
  for (std::uint32_t n = 0; n < kCount; ++n) {
    callers.emplace_back([&, n] {
      arrived.count_down();
      EXPECT_OK(remover_->remove(IfIndex(1000 + n)));
    });
  }
  arrived.wait();
  while (remover_->waiting() != kCount) {
    std::this_thread::yield();
  }
  EXPECT_EQ(requests_, 1) << "the first one is at work: its interfaces are not gone yet";
  open_gate();
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(links_inside(), 0U);
  EXPECT_EQ(requests_, 1 + (kCount - 1 + kLinksPerDeletion - 1) / kLinksPerDeletion);
}

TEST_F(LinkRemoverTest, OneOfAnotherGroupGoesWithTheNextRequestHoweverManyWait) {
  constexpr std::uint32_t kCount = 100;
  make(kCount + 1);
  std::vector<std::thread> callers;
  for (std::uint32_t n = 0; n < kCount; ++n) {
    callers.emplace_back([&, n] { EXPECT_OK(remover_->remove(IfIndex(1000 + n), IfIndex(1))); });
    while (remover_->waiting() != n + 1) {
      std::this_thread::yield();
    }
  }
  std::thread other([&] { EXPECT_OK(remover_->remove(IfIndex(1000 + kCount), IfIndex(2))); });
  while (remover_->waiting() != kCount + 1) {
    std::this_thread::yield();
  }
  gate_.release(2); // the one at work, which has one interface, and the next
  other.join();
  while (requests_ != 3) {
    std::this_thread::yield();
  }
  EXPECT_EQ(remover_->waiting(), kCount - kLinksPerDeletion);
  open_gate();
  for (std::thread& caller : callers) {
    caller.join();
  }
}

TEST_F(LinkRemoverTest, AnInterfaceThatIsNotThereIsGone) {
  open_gate();
  EXPECT_OK(remover_->remove(IfIndex(4242)));
}

TEST_F(LinkRemoverTest, OneThatCannotGoIsRefusedAndDoesNotKeepTheOthers) {
  make(2);
  Result<void> lo, first, second;
  std::thread a([&] { first = remover_->remove(IfIndex(1000)); });
  while (remover_->waiting() != 1) {
    std::this_thread::yield();
  }
  std::thread b([&] { second = remover_->remove(IfIndex(1001)); });
  std::thread c([&] { lo = remover_->remove(IfIndex(1)); });
  while (remover_->waiting() != 3) {
    std::this_thread::yield();
  }
  open_gate();
  for (std::thread* caller : {&a, &b, &c}) {
    caller->join();
  }
  EXPECT_OK(first);
  EXPECT_OK(second);
  EXPECT_FALSE(lo);
  EXPECT_EQ(links_inside(), 0U);
}

TEST_F(NetnsTest, DeletesManyLinksAndNoOthers) {
  const UniqueFd inside = new_netns("inside");
  std::vector<IfIndex> wanted;
  for (std::uint32_t n = 0; n < 70; ++n) {
    VethSpec spec = veth(inside.get());
    spec.host_name = fmt::format("host{}", n);
    spec.host_index = IfIndex(1000 + n);
    spec.peer_name = fmt::format("peer{}", n);
    ASSERT_OK(create_veth(socket(), spec));
    if (n != 5) {
      wanted.push_back(spec.host_index);
    }
  }
  wanted.push_back(IfIndex(4242)); // not there
  EXPECT_OK(delete_links(socket(), wanted));
  const auto left = list_links(socket()).value();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left.back().name, "host5");
}

} // namespace
} // namespace ebpfnet::netlink
