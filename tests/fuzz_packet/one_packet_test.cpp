// Random packets through every shipped program, one at a time: the verdict, the counters and every
// byte of what comes out are those that the model tells.
#include <fmt/format.h>

#include "tests/fuzz_packet/census.hpp"
#include "tests/fuzz_packet/generator.hpp"
#include "tests/fuzz_packet/model.hpp"

namespace ebpfnet::packet {
namespace {

constexpr unsigned kScenes = 40;
constexpr unsigned kPackets = 1500; // of one scene: less than the shortest time-out of a flow
constexpr int kEnough = 5;          // failures after which a run ends

const char* program_of(Hook hook) {
  switch (hook) {
  case Hook::from_container:
    return "tc_from_container";
  case Hook::to_container:
    return "tc_to_container";
  case Hook::from_uplink:
    return "tc_from_uplink";
  case Hook::to_uplink:
    return "tc_to_uplink";
  case Hook::on_loopback:
    break;
  }
  return "tc_on_loopback";
}

class RandomPackets : public PacketTest {
protected:
  static Outcome run(const Sample& sample) {
    const bool container = sample.hook == Hook::from_container || sample.hook == Hook::to_container;
    const std::uint32_t device = container                          ? world().at(sample.slot).veth()
                                 : sample.hook == Hook::on_loopback ? 1
                                                                    : world().uplink();
    return world().run(program_of(sample.hook), sample.bytes, device, sample.came_by,
                       sample.gso_size);
  }
};

std::string wrong_drop(const Expected& expected, const Counted& counted) {
  if (!counted.paths.empty()) {
    return "a drop is counted as carried";
  }
  if (counted.drops.size() != 1 || counted.drops[0].times != 1) {
    return "a drop without one reason, counted once";
  }
  const Counted::Drop& drop = counted.drops[0];
  if (!expected.reasons.contains(static_cast<ebn_drop_reason>(drop.reason))) {
    return "dropped for another reason";
  }
  return drop.network == expected.network ? "" : "counted under another network";
}

std::string wrong_path(const Expected& expected, const Sample& sample, const Counted& counted) {
  if (!counted.drops.empty()) {
    return "passed and counted as dropped";
  }
  if (!expected.path) {
    return counted.paths.empty() ? "" : "counted though it is not of a network";
  }
  if (counted.paths.size() != 1) {
    return "not counted by one path";
  }
  const Counted::Path& path = counted.paths[0];
  const bool right = path.network == expected.network && path.path == *expected.path &&
                     path.packets == 1 && path.bytes == sample.bytes.size();
  return right ? "" : "counted by another path";
}

// Empty: as expected.
std::string wrong(const Expected& expected, const Sample& sample, const Outcome& outcome,
                  const Counted& counted) {
  if (outcome.action != expected.action) {
    return fmt::format("action {} instead of {}", outcome.action, expected.action);
  }
  const std::string count = expected.reasons.empty() ? wrong_path(expected, sample, counted)
                                                     : wrong_drop(expected, counted);
  return count.empty() && outcome.action != kShot ? expected.output(outcome.bytes) : count;
}

std::string describe(const Expected& expected) {
  std::string out = fmt::format("action {}, network {}", expected.action, expected.network);
  for (const ebn_drop_reason reason : expected.reasons) {
    out += fmt::format(", {}", view::drop_label(reason));
  }
  return expected.path ? out + fmt::format(", path {}", +*expected.path) : out;
}

struct Tally {
  std::map<std::string, std::uint64_t> outcomes;
  void add(const Sample& sample, const Expected& expected) {
    std::string what = program_of(sample.hook);
    what += expected.reset                 ? " reset"
            : expected.action == kShot     ? " dropped: "
            : expected.action == kRedirect ? " redirected"
                                           : " passed";
    if (expected.action == kShot) {
      what += expected.reasons.size() == 1 ? view::drop_label(*expected.reasons.begin())
                                           : std::string_view("one of several");
    } else if (expected.path) {
      what += fmt::format(" by path {}", +*expected.path);
    }
    ++outcomes[what];
  }
};

TEST_F(RandomPackets, HaveTheOutcomeThatTheirBytesAndTheFlowsAskFor) {
  const Plan plan = Plan::from_environment();
  Tally tally;
  int failures = 0;
  for (unsigned number = 0; number < kScenes * plan.times && failures < kEnough; ++number) {
    // A scene is decided by its own seed, which runs as the first one when it is set.
    const std::uint64_t seed = plan.seed + number;
    Random random(seed);
    Scene scene(world(), random);
    const Model model(scene);
    Generator generator(scene, random);
    Census census(world());
    for (unsigned i = 0; i < kPackets && failures < kEnough; ++i) {
      if (random.one_in(300)) {
        scene.give_a_slot_away(random);
      }
      const Sample sample = generator.next();
      const Expected expected = model.expect(sample);
      const Outcome outcome = run(sample);
      const Counted counted = census.take();
      const std::string problem = wrong(expected, sample, outcome, counted);
      if (!problem.empty()) {
        ++failures;
        ADD_FAILURE() << problem << "\n  EBPFNET_SEED=" << seed << ", packet " << i << ", "
                      << program_of(sample.hook) << " slot " << sample.slot << " came by "
                      << sample.came_by << " gso " << sample.gso_size << "\n  in  "
                      << hex(sample.bytes) << "\n  out " << hex(outcome.bytes) << "\n  expected "
                      << describe(expected) << "\n  counted " << counted.to_string();
      }
      tally.add(sample, expected);
      generator.saw(sample, outcome);
    }
  }
  for (const auto& [outcome, times] : tally.outcomes) {
    std::printf("  %8llu %s\n", static_cast<unsigned long long>(times), outcome.c_str());
  }
}

} // namespace
} // namespace ebpfnet::packet
