// Nanoseconds per packet of the shipped programs, by BPF_PROG_TEST_RUN: one row per scenario in
// kScenarios. Prints one line of JSON per sample; packet.py makes the table. Every sample is
// checked: all its packets took the way that the row names and none was dropped.
//
//   packet_bench ROUNDS PACKETS CPU [SCENARIO]     with SCENARIO: only rows whose name contains it
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <thread>

#include "tests/bench/packet_again.h"
#include "tests/packet/packets.hpp"

#include "packet_again.skel.h"

namespace ebpfnet::bench {
namespace {

using namespace packet;

// An ordinary TCP segment is longer than its headers; the programs look at the headers only.
constexpr std::size_t kPayload = 64;

Frame segment(std::uint8_t flags) {
  Frame frame = tcp(flags);
  frame.payload.assign(kPayload, 'x');
  return frame;
}

Frame datagram() {
  Frame frame = udp();
  frame.payload.assign(kPayload, 'x');
  return frame;
}

const IpAddress kServer = ip("198.51.100.7");
const IpAddress kClient = ip("203.0.113.9");

// One measured packet: what is sent, where it comes in, and how the state that it needs is made.
struct Probe {
  std::string program;
  Bytes bytes;
  std::uint32_t ifindex = 0;
};

Probe from_sandbox(const World& world, std::uint32_t slot, const Frame& frame) {
  return {"tc_from_container", frame.bytes(), world.at(slot).veth()};
}

Probe from_wire(const World& world, const Frame& frame) {
  return {"tc_from_uplink", frame.bytes(), world.uplink()};
}

Probe neighbour(World& world, const Frame& frame) {
  return from_sandbox(world, kCatWeb, to_neighbour(world, kCatWeb, kCatDb, frame));
}

// A masqueraded flow with a reply; `out`: the sandbox's packet, else the reply.
Probe masquerade(World& world, Frame first, Frame reply, Frame later, bool out) {
  const Frame query = to_gateway(world, kCatWeb, kServer, std::move(first));
  const std::uint16_t port = source_port(world.from_container(kCatWeb, query.bytes()).bytes);
  const auto answer = [&](Frame frame) {
    frame.sport = query.dport;
    frame.dport = port;
    return from_outside(world, kServer, std::move(frame));
  };
  world.from_uplink(answer(std::move(reply)).bytes());
  return out ? from_sandbox(world, kCatWeb, to_gateway(world, kCatWeb, kServer, std::move(later)))
             : from_wire(world, answer(std::move(later)));
}

// A connection to a published port after its handshake; `in`: the client's segment, else the
// server's.
Probe published(World& world, bool in) {
  world.publish(kTcp, 8000, 8000, IpAddress(), kCatWeb, 80);
  const auto client = [&](std::uint8_t flags) {
    return from_outside(world, kClient, segment(flags));
  };
  const auto server = [&](std::uint8_t flags) {
    Frame frame = segment(flags);
    frame.sport = 80;
    frame.dport = client(0).sport;
    return to_gateway(world, kCatWeb, kClient, frame);
  };
  world.from_uplink(client(kSyn).bytes());
  world.from_container(kCatWeb, server(kSyn | kAck).bytes());
  world.from_uplink(client(kAck).bytes());
  return in ? from_wire(world, client(kAck)) : from_sandbox(world, kCatWeb, server(kAck));
}

// Flows that wait for a reply at a time: 10,000 new ones a second with a round trip of 0.3 s, and a
// flood, whose state is in no cache.
constexpr int kWaiting = 3000;
constexpr int kFlood = 30000;

struct Scenario {
  const char* name;
  Probe (*probe)(World&);
  again_vary vary;
  int action;
  std::uint32_t network; // whose counters must tell `path` for every packet
  int path;              // enum ebn_path; -1: the host's own packet, counted nowhere
  int flows = kWaiting;  // of a varied packet: flows that are made before the tables are emptied
};

constexpr Scenario kScenarios[] = {
    {"forward tcp", [](World& w) { return neighbour(w, segment(kAck)); }, AGAIN_SAME, kRedirect,
     kCat, EBN_PATH_LOCAL},
    {"forward udp", [](World& w) { return neighbour(w, datagram()); }, AGAIN_SAME, kRedirect, kCat,
     EBN_PATH_LOCAL},
    {"masquerade out tcp",
     [](World& w) {
       return masquerade(w, segment(kSyn), segment(kSyn | kAck), segment(kAck), true);
     },
     AGAIN_SAME, kRedirect, kCat, EBN_PATH_OUT},
    {"masquerade reply tcp",
     [](World& w) {
       return masquerade(w, segment(kSyn), segment(kSyn | kAck), segment(kAck), false);
     },
     AGAIN_SAME, kRedirect, kCat, EBN_PATH_IN},
    {"masquerade out udp",
     [](World& w) { return masquerade(w, datagram(), datagram(), datagram(), true); }, AGAIN_SAME,
     kRedirect, kCat, EBN_PATH_OUT},
    {"masquerade reply udp",
     [](World& w) { return masquerade(w, datagram(), datagram(), datagram(), false); }, AGAIN_SAME,
     kRedirect, kCat, EBN_PATH_IN},
    {"published in tcp", [](World& w) { return published(w, true); }, AGAIN_SAME, kRedirect, kCat,
     EBN_PATH_IN},
    {"published reply tcp", [](World& w) { return published(w, false); }, AGAIN_SAME, kRedirect,
     kCat, EBN_PATH_OUT},
    {"new masquerade tcp",
     [](World& w) {
       return from_sandbox(w, kCatWeb, to_gateway(w, kCatWeb, ip("198.51.0.0"), segment(kSyn)));
     },
     AGAIN_NEW_DESTINATION, kRedirect, kCat, EBN_PATH_OUT},
    {"new masquerade udp",
     [](World& w) {
       return from_sandbox(w, kCatWeb, to_gateway(w, kCatWeb, ip("198.51.0.0"), datagram()));
     },
     AGAIN_NEW_DESTINATION, kRedirect, kCat, EBN_PATH_OUT},
    {"new published tcp",
     [](World& w) {
       w.publish(kTcp, 8000, 8000, IpAddress(), kCatWeb, 80);
       return from_wire(w, from_outside(w, ip("203.0.0.0"), segment(kSyn)));
     },
     AGAIN_NEW_SOURCE, kRedirect, kCat, EBN_PATH_IN},
    {"new masquerade tcp, flood",
     [](World& w) {
       return from_sandbox(w, kCatWeb, to_gateway(w, kCatWeb, ip("198.51.0.0"), segment(kSyn)));
     },
     AGAIN_NEW_DESTINATION, kRedirect, kCat, EBN_PATH_OUT, kFlood},
    {"host's own tcp",
     [](World& w) { return from_wire(w, from_outside(w, kClient, segment(kAck))); }, AGAIN_SAME,
     kUnspec, 0, -1},
};

constexpr const char* kFloor = "empty program"; // behind the same restoring program

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void must(bool fine, const std::string& what) {
  if (!fine) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
  }
}

class Bench {
public:
  Bench(World& world, int packets)
      : world_(world), packets_(packets), again_(packet_again::open_and_load()) {
    must(again_ != nullptr, "load packet_again");
  }
  ~Bench() { packet_again::destroy(again_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void floor(int round) {
    const Probe probe = neighbour(world_, segment(kAck));
    enter(::bpf_program__fd(again_->progs.nothing), probe, AGAIN_SAME);
    report(kFloor, round, run(probe, packets_, kUnspec));
  }

  void sample(const Scenario& scenario, int round) {
    const int packets = scenario.vary == AGAIN_SAME ? packets_ : std::min(packets_, scenario.flows);
    world_.reset();
    const Probe probe = scenario.probe(world_);
    // What reset() removed is freed after a grace period, by this CPU: not in the sample.
    std::this_thread::sleep_for(kGracePeriod);
    enter(world_.plane().program_fd(probe.program).value(), probe, scenario.vary);
    run(probe, kWarmUp, scenario.action);
    const std::uint64_t drops = world_.all_drops();
    const std::uint64_t before = counted(scenario);
    const double ns = run(probe, packets, scenario.action);
    must(world_.all_drops() == drops, std::string(scenario.name) + ": packets were dropped");
    must(scenario.path < 0 || counted(scenario) - before == static_cast<std::uint64_t>(packets),
         std::string(scenario.name) + ": packets took another way");
    report(scenario.name, round, ns);
  }

private:
  static constexpr int kWarmUp = 1000;
  static constexpr auto kGracePeriod = std::chrono::milliseconds(30);

  void enter(int measured, const Probe& probe, again_vary vary) {
    const __u32 only = 0;
    must(::bpf_map_update_elem(::bpf_map__fd(again_->maps.measured), &only, &measured, BPF_ANY) ==
             0,
         "set the measured program");
    again_state& state = again_->bss->state;
    std::memcpy(state.headers, probe.bytes.data(), sizeof state.headers);
    state.vary = vary;
    state.number = 0;
  }

  // Nanoseconds per packet, of this thread's CPU time.
  double run(const Probe& probe, int packets, int action) {
    __sk_buff context{};
    context.ifindex = probe.ifindex;
    context.ingress_ifindex = probe.ifindex;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = probe.bytes.data(),
                .data_size_in = static_cast<__u32>(probe.bytes.size()), .ctx_in = &context,
                .ctx_size_in = sizeof context, .repeat = packets);
    const double begin = thread_seconds();
    must(::bpf_prog_test_run_opts(::bpf_program__fd(again_->progs.again), &options) == 0,
         "BPF_PROG_TEST_RUN");
    const double seconds = thread_seconds() - begin;
    must(static_cast<int>(options.retval) == action, "a packet met another end");
    return seconds * 1e9 / packets;
  }

  std::uint64_t counted(const Scenario& scenario) const {
    return scenario.path < 0
               ? 0
               : world_.packets(scenario.network, static_cast<ebn_path>(scenario.path));
  }

  static void report(const char* name, int round, double ns) {
    std::printf("{\"scenario\": \"%s\", \"round\": %d, \"ns\": %.2f}\n", name, round, ns);
    std::fflush(stdout);
  }

  World& world_;
  int packets_;
  packet_again* again_;
};

volatile std::sig_atomic_t interrupted = 0;

void run(int rounds, int packets, const std::string& only) {
  ebn_config config = default_config();
  config.flow_quota = EBN_FLOWS;
  World world(config);
  Bench bench(world, packets);
  std::mt19937 random(std::random_device{}());
  std::vector<const Scenario*> order;
  for (const Scenario& scenario : kScenarios) {
    if (std::string_view(scenario.name).find(only) != std::string_view::npos) {
      order.push_back(&scenario);
    }
  }
  for (int round = 0; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    bench.floor(round);
    for (const Scenario* scenario : order) {
      if (interrupted) {
        throw std::runtime_error("interrupted");
      }
      bench.sample(*scenario, round);
    }
  }
}

} // namespace
} // namespace ebpfnet::bench

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fputs("usage: packet_bench ROUNDS PACKETS CPU [SCENARIO]\n", stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN); // who reads may be gone before the World is taken down
  std::signal(SIGTERM, [](int) { ebpfnet::bench::interrupted = 1; });
  std::signal(SIGINT, [](int) { ebpfnet::bench::interrupted = 1; });
  cpu_set_t cpu;
  CPU_ZERO(&cpu);
  CPU_SET(std::atoi(argv[3]), &cpu);
  if (::sched_setaffinity(0, sizeof cpu, &cpu) != 0) {
    std::perror("packet_bench: pin to the CPU");
    return 1;
  }
  try {
    ebpfnet::bench::run(std::atoi(argv[1]), std::atoi(argv[2]), argc == 5 ? argv[4] : "");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "packet_bench: %s\n", error.what());
    return 1;
  }
}
