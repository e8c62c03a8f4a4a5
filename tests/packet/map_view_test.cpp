// Walking maps in batches, on maps of the test's own: every element once, however many there are.
#include "maps/view/map.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "maps/abi/network.h"

namespace ebpfnet::view {
namespace {

// Larger than a batch, and not a multiple of one.
constexpr __u32 kMany = 5003;

template <class Key, class Value>
MapView<Key, Value> make(bpf_map_type type, __u32 room, __u32 flags = 0) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = flags;
  UniqueFd fd(::bpf_map_create(type, "ebn_test", sizeof(Key), sizeof(Value), room, &options));
  EXPECT_TRUE(fd) << std::strerror(errno);
  return MapView<Key, Value>("ebn_test", std::move(fd));
}

template <class Key, class Value> std::set<Value> values(const MapView<Key, Value>& map) {
  std::set<Value> out;
  const auto walked =
      map.walk([&](const Key&, const Value& value) { EXPECT_TRUE(out.insert(value).second); });
  EXPECT_TRUE(walked) << walked.error().story();
  return out;
}

TEST(MapViewWalk, SeesEveryElementOfAHashTableOnce) {
  for (const auto type : {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH}) {
    // Room to spare: an LRU table makes room before it is full.
    auto map = make<__u64, __u64>(type, 8 * kMany);
    EXPECT_TRUE(values(map).empty());
    for (__u64 i = 0; i < kMany; ++i) {
      ASSERT_TRUE(map.put(i, i));
    }
    const auto seen = values(map);
    EXPECT_EQ(seen.size(), kMany);
    EXPECT_EQ(*seen.rbegin(), kMany - 1);
    const auto usage = map.usage();
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->entries, kMany);
    EXPECT_EQ(usage->max_entries, 8 * kMany);
    EXPECT_EQ(usage->name, "ebn_test");
  }
}

TEST(MapViewWalk, SeesEveryRowOfAnArray) {
  auto map = make<__u32, __u32>(BPF_MAP_TYPE_ARRAY, kMany);
  for (__u32 i = 0; i < kMany; ++i) {
    ASSERT_TRUE(map.put(i, i));
  }
  EXPECT_EQ(values(map).size(), kMany);
}

TEST(MapViewWalk, SeesEveryPrefixOfATrie) {
  auto map = make<ebn_subnet_key, __u32>(BPF_MAP_TYPE_LPM_TRIE, kMany, BPF_F_NO_PREALLOC);
  EXPECT_TRUE(values(map).empty());
  for (__u32 i = 0; i < kMany; ++i) {
    ebn_subnet_key key{};
    key.length = 128;
    key.addr.w[3] = i;
    ASSERT_TRUE(map.put(key, i));
  }
  EXPECT_EQ(values(map).size(), kMany);
}

// What stays is seen, and nothing twice, while other elements come and go.
TEST(MapViewWalk, IsNotConfusedByElementsThatComeAndGo) {
  auto map = make<__u64, __u64>(BPF_MAP_TYPE_HASH, 4 * kMany);
  for (__u64 i = 0; i < kMany; ++i) {
    ASSERT_TRUE(map.put(i, i));
  }
  std::jthread churn([&](const std::stop_token& stop) {
    for (__u64 i = kMany; !stop.stop_requested(); i = i + 1 < 2 * kMany ? i + 1 : kMany) {
      EXPECT_TRUE(map.put(i, i));
      EXPECT_TRUE(map.remove(i));
    }
  });
  for (int round = 0; round < 20; ++round) {
    std::set<__u64> seen = values(map);
    seen.erase(seen.lower_bound(kMany), seen.end());
    EXPECT_EQ(seen.size(), kMany);
  }
}

TEST(MapViewWalk, SaysWhatIsWrong) {
  const auto map = MapView<__u32, __u32>("gone", UniqueFd());
  const auto walked = map.walk([](__u32, __u32) {});
  ASSERT_FALSE(walked);
  EXPECT_EQ(walked.error().sys_errno, EBADF);
  EXPECT_NE(walked.error().message.find("list map 'gone'"), std::string::npos);
}

} // namespace
} // namespace ebpfnet::view
