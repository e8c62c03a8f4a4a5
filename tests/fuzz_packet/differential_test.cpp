// The same trace through a plain bridge of the kernel and through a network of ours: who receives
// what, and what the sender gets back, is the same, but for a table of intended differences. Each
// of them must occur.
#include <fmt/format.h>

#include <set>

#include "tests/fuzz_packet/differences.hpp"
#include "tests/fuzz_packet/mutation.hpp"
#include "tests/fuzz_packet/rewrite.hpp"
#include "tests/packet/live.hpp"

namespace ebpfnet::packet {
namespace {

constexpr unsigned kSteps = 6000;
constexpr int kEnough = 5;                   // failures after which a run ends
constexpr std::uint16_t kHelloType = 0x88b6; // for experiments (IEEE 802)

class SameTrace : public LivePacketTest {
protected:
  void SetUp() override {
    LivePacketTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    cast_ = cast_of(world());
    ours_.emplace(Segment::ours(world(), cast_));
    plain_.emplace(Segment::plain(world(), cast_));
    pacer_.emplace(world().socket());
  }
  void TearDown() override { pacer_.reset(); }

  // Every container is heard, so that the plain bridge knows where each is, whoever used its
  // address.
  void say_hello() {
    for (std::size_t from = 0; from < kMembers; ++from) {
      const Bytes hello = ethernet(broadcast(), cast_.members[from].mac, kHelloType, Bytes(46));
      ours_->send(from, hello);
      plain_->send(from, hello);
    }
    pacer_->settle();
    static_cast<void>(ours_->take());
    static_cast<void>(plain_->take());
  }

  const Cast& cast() const { return cast_; }
  Segment& ours() { return *ours_; }
  Segment& plain() { return *plain_; }
  void settle() { pacer_->settle(); }

private:
  Cast cast_;
  std::optional<Segment> ours_;
  std::optional<Segment> plain_;
  std::optional<Pacer> pacer_;
};

// One of the two networks, and the connections in it.
class Side {
public:
  explicit Side(Segment& segment) : segment_(segment) {}

  bool send(const Step& step) {
    sent_ = step.bytes;
    if (step.acknowledges) {
      acknowledge(sent_);
    }
    return segment_.send(step.from, sent_);
  }

  Result take() {
    Result out{sent_, segment_.take(), {}};
    // Stacks ask for addresses of nobody, for seconds.
    std::erase_if(out.receipts, [&](const Receipt& receipt) {
      const auto arp = read(receipt.caught.bytes).arp;
      return arp && arp->operation == 1 && receipt.caught.bytes != sent_;
    });
    for (const Receipt& receipt : out.receipts) {
      const auto ip = read(receipt.caught.bytes).ip;
      if (ip && ip->proto == kTcp && ip->ports && ip->ports->source == kOpenPort &&
          (ip->tcp_flags & (kSyn | kAck)) == (kSyn | kAck)) {
        first_[*ip->ports] = number_at(receipt.caught.bytes, ip->transport + 4);
      }
    }
    return out;
  }

private:
  static std::uint32_t number_at(const Bytes& bytes, std::size_t at) {
    return static_cast<std::uint32_t>(half_at(bytes, at)) << 16 | half_at(bytes, at + 2);
  }

  void acknowledge(Bytes& frame) {
    const auto ip = read(frame).ip;
    const std::uint32_t next = first_[{ip->ports->destination, ip->ports->source}] + 1;
    put_half(frame, ip->transport + 8, static_cast<std::uint16_t>(next >> 16));
    put_half(frame, ip->transport + 10, static_cast<std::uint16_t>(next));
    seal(frame);
  }

  Segment& segment_;
  Bytes sent_;
  std::map<Ports, std::uint32_t> first_; // numbers of servers
};

struct Tally {
  std::map<std::string, unsigned> steps;
  std::map<std::string, unsigned> differences;
  unsigned receipts = 0;
  unsigned same = 0;
};

std::string in_lines(const std::vector<std::string>& words) {
  return fmt::format("\n    {}", fmt::join(words, "\n    "));
}

// Empty: the outcomes are the same, or differ as they are meant to.
std::string compare(const Comparison& both, Tally& tally) {
  const auto plain = both.plain.in_words(both.step.acknowledges);
  const auto ours = both.ours.in_words(both.step.acknowledges);
  const auto differences = intended_differences();
  const auto row = std::ranges::find_if(
      differences, [&](const Difference& difference) { return difference.applies(both); });
  tally.receipts += static_cast<unsigned>(ours.size());
  tally.same += plain == ours ? 1 : 0;
  std::string problem;
  if (row == differences.end()) {
    problem = plain == ours ? "" : "an unintended difference";
  } else {
    tally.differences[row->name] += plain == ours ? 0 : 1;
    problem = row->wrong(both);
    if (!problem.empty()) {
      problem = fmt::format("{}: {}", row->name, problem);
    }
  }
  return problem.empty()
             ? ""
             : fmt::format("{}\n  plain{}\n  ours{}\n  counted{}", problem, in_lines(plain),
                           in_lines(ours), both.ours.counted.to_string());
}

TEST_F(SameTrace, HasTheSameOutcomeAsThroughABridgeOfTheKernel) {
  const Plan plan = Plan::from_environment();
  Random random(plan.seed);
  Trace trace(cast(), random);
  Side here(ours());
  Side there(plain());
  Census census(world());
  Tally tally;
  std::set<Mac> foreign;
  int failures = 0;
  say_hello();
  for (unsigned number = 0; number < kSteps * plan.times && failures < kEnough; ++number) {
    const Step step = trace.next();
    const Reading reading = read(step.bytes);
    static_cast<void>(census.take());
    // What the bridge learnt from a foreign source it does not flood any more.
    if (foreign.contains(reading.dst) || !here.send(step) || !there.send(step)) {
      continue;
    }
    settle();
    Result by_us = here.take();
    by_us.counted = census.take();
    const Result by_kernel = there.take();
    const Comparison both{cast(), step, reading, by_kernel, by_us};
    ++tally.steps[step.what];
    if (const std::string problem = compare(both, tally); !problem.empty()) {
      ++failures;
      ADD_FAILURE() << problem << "\n  EBPFNET_SEED=" << plan.seed << ", step " << number << ": "
                    << step.what << ", sent by container " << step.from << "\n    "
                    << hex(step.bytes);
    }
    if (reading.src != both.self().mac) {
      if (cast().owner(reading.src) == nullptr) {
        foreign.insert(reading.src);
      }
      say_hello();
    }
  }
  for (const auto& [what, times] : tally.steps) {
    std::printf("  %6u %s\n", times, what.c_str());
  }
  std::printf("  %u receipts, %u steps with the same outcome\n", tally.receipts, tally.same);
  for (const Difference& difference : intended_differences()) {
    const unsigned times = tally.differences[difference.name];
    std::printf("  %6u other: %s (%s)\n", times, difference.name, difference.reason);
    EXPECT_TRUE(times > 0 || failures >= kEnough) << "never seen: " << difference.name;
  }
}

} // namespace
} // namespace ebpfnet::packet
