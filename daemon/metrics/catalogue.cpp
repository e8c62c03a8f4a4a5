#include "daemon/metrics/catalogue.hpp"

#include <array>
#include <ctime>
#include <map>

#include "daemon/version.hpp"
#include "maps/abi/limits.h"
#include "maps/view/counters.hpp"

namespace ebpfnet::metrics {
namespace {

using view::MapUsage;

// --- traffic. What can be counted is told from 0 on, so that rate() and increase() see the first
// packet too.

using PathColumn = __u64 (ebn_counters::*)[EBN_PATH_LIMIT];

void by_path(const Snapshot& snapshot, PathColumn column, Samples& out) {
  for (const Traffic& row : snapshot.traffic) {
    for (unsigned path = 0; !view::path_label(path).empty(); ++path) {
      out.add({{"network", row.network}, {"driver", row.driver}, {"path", view::path_label(path)}},
              static_cast<double>((row.counters.*column)[path]));
    }
  }
}

void packets(const Snapshot& snapshot, Samples& out) {
  by_path(snapshot, &ebn_counters::packets, out);
}

void bytes(const Snapshot& snapshot, Samples& out) {
  by_path(snapshot, &ebn_counters::bytes, out);
}

void drops(const Snapshot& snapshot, Samples& out) {
  for (const Traffic& row : snapshot.traffic) {
    for (unsigned reason = 1; reason < EBN_DROP_LIMIT; ++reason) {
      if (const auto label = view::drop_label(reason); !label.empty()) {
        out.add({{"network", row.network}, {"driver", row.driver}, {"reason", label}},
                static_cast<double>(row.counters.drops[reason]));
      }
    }
  }
}

// --- what there is

// Seconds since 1970 of a text of now_rfc3339().
double seconds_of(const std::string& rfc3339) {
  tm parts{};
  const char* rest = ::strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) {
    return 0;
  }
  return static_cast<double>(::timegm(&parts)) + (*rest == '.' ? std::strtod(rest, nullptr) : 0);
}

void network_created(const Snapshot& snapshot, Samples& out) {
  for (const auto& network : snapshot.census.networks) {
    out.add({{"network", network.name}, {"driver", network.driver}}, seconds_of(network.created));
  }
}

void network_endpoints(const Snapshot& snapshot, Samples& out) {
  for (const auto& network : snapshot.census.networks) {
    out.add({{"network", network.name}, {"driver", network.driver}},
            static_cast<double>(network.endpoints));
  }
}

void networks(const Snapshot& snapshot, Samples& out) {
  std::map<std::string_view, std::size_t> by_driver;
  for (const auto& network : snapshot.census.networks) {
    ++by_driver[network.driver];
  }
  for (const auto& [driver, count] : by_driver) {
    out.add({{"driver", driver}}, static_cast<double>(count));
  }
}

void sandboxes(const Snapshot& snapshot, Samples& out) {
  const auto& counts = snapshot.census.sandboxes;
  for (const auto& [state, count] : {std::pair{"created", counts.created},
                                     {"running", counts.running},
                                     {"exited", counts.exited},
                                     {"restarting", counts.restarting}}) {
    out.add({{"state", state}}, static_cast<double>(count));
  }
}

void published_ranges(const Snapshot& snapshot, Samples& out) {
  out.add({{"protocol", "tcp"}}, static_cast<double>(snapshot.census.tcp.ranges));
  out.add({{"protocol", "udp"}}, static_cast<double>(snapshot.census.udp.ranges));
}

void published_ports(const Snapshot& snapshot, Samples& out) {
  out.add({{"protocol", "tcp"}}, static_cast<double>(snapshot.census.tcp.ports));
  out.add({{"protocol", "udp"}}, static_cast<double>(snapshot.census.udp.ports));
}

void uplinks(const Snapshot& snapshot, Samples& out) {
  for (const auto& uplink : snapshot.census.uplinks) {
    out.add({{"interface", uplink.name}}, uplink.problem.empty() ? 1 : 0);
  }
}

// --- tables

void map_entries(const Snapshot& snapshot, Samples& out) {
  for (const MapUsage& map : snapshot.tables.maps) {
    out.add({{"map", map.name}}, static_cast<double>(map.entries));
  }
}

void map_max_entries(const Snapshot& snapshot, Samples& out) {
  for (const MapUsage& map : snapshot.tables.maps) {
    out.add({{"map", map.name}}, static_cast<double>(map.max_entries));
  }
}

void flows(const Snapshot& snapshot, Samples& out) {
  constexpr std::array<std::string_view, std::tuple_size_v<FlowKinds>> kKinds{
      "", "masquerade", "published", "neighbour"};
  for (const auto& [state, kinds] : {std::pair{"established", snapshot.tables.established},
                                     {"unreplied", snapshot.tables.unreplied}}) {
    for (std::size_t kind = 1; kind < kinds.size(); ++kind) {
      out.add({{"state", state}, {"kind", kKinds[kind]}}, static_cast<double>(kinds[kind]));
    }
  }
}

// --- the daemon

void dns_queries(const Snapshot& snapshot, Samples& out) {
  for (std::size_t i = 0; i < snapshot.dns.size(); ++i) {
    out.add({{"result", dns::kOutcomes[i]}}, static_cast<double>(snapshot.dns[i]));
  }
}

void api_requests(const Snapshot& snapshot, Samples& out) {
  for (const auto& route : snapshot.api) {
    for (const auto& [status, count] : route.by_status) {
      out.add({{"method", route.method}, {"route", route.route}, {"code", std::to_string(status)}},
              static_cast<double>(count));
    }
  }
}

void api_durations(const Snapshot& snapshot, Samples& out) {
  for (const auto& route : snapshot.api) {
    out.add_histogram({{"method", route.method}, {"route", route.route}}, route.took);
  }
}

void log_messages(const Snapshot& snapshot, Samples& out) {
  for (std::size_t i = 0; i < EventCounts::kLevels.size(); ++i) {
    out.add({{"level", EventCounts::kLevels[i]}}, static_cast<double>(snapshot.log.by_level[i]));
  }
}

void events(const Snapshot& snapshot, Samples& out) {
  for (const auto& [event, count] : snapshot.log.by_event) {
    out.add({{"event", event}}, static_cast<double>(count));
  }
}

void build_info(const Snapshot&, Samples& out) {
  out.add({{"version", kVersion}, {"map_layout", std::to_string(EBN_SCHEMA_VERSION)}}, 1);
}

void kernel_info(const Snapshot& snapshot, Samples& out) {
  out.add({{"release", snapshot.kernel}, {"attach", snapshot.features.tcx ? "tcx" : "clsact"}}, 1);
}

// "tcx links (6.6)" -> "tcx links"
void kernel_features(const Snapshot& snapshot, Samples& out) {
  for (const auto& feature : snapshot.features.rows) {
    out.add({{"feature", feature.name.substr(0, feature.name.find(" ("))}},
            feature.present ? 1 : 0);
  }
}

constexpr auto kCounter = MetricType::Counter;
constexpr auto kGauge = MetricType::Gauge;

constexpr MetricRow kMetrics[] = {
    {"ebpfnet_network_packets_total", kCounter,
     "Packets that the data plane passed on, by network and path; network \"\" is traffic of none.",
     packets},
    {"ebpfnet_network_bytes_total", kCounter,
     "Bytes of these packets, with their Ethernet headers.", bytes},
    {"ebpfnet_network_drops_total", kCounter,
     "Packets that the data plane dropped, by network and reason.", drops},
    {"ebpfnet_network_created_timestamp_seconds", kGauge,
     "When the network was made, since 1970: its counters began with 0 then.", network_created},
    {"ebpfnet_network_endpoints", kGauge, "Sandboxes that are connected to the network.",
     network_endpoints},
    {"ebpfnet_networks", kGauge, "Networks, by driver.", networks},
    {"ebpfnet_sandboxes", kGauge, "Sandboxes, by state.", sandboxes},
    {"ebpfnet_published_ranges", kGauge, "Ranges of host ports that are published.",
     published_ranges},
    {"ebpfnet_published_ports", kGauge, "Host ports in these ranges.", published_ports},
    {"ebpfnet_uplink_attached", kGauge,
     "Whether the programs are on an interface that leads outside (1) or it refused them (0).",
     uplinks},
    {"ebpfnet_map_entries", kGauge, "Elements in use in a table of the data plane.", map_entries},
    {"ebpfnet_map_max_entries", kGauge, "Elements for which a table has room.", map_max_entries},
    {"ebpfnet_flows", kGauge, "Translated flows that are known, by state and kind.", flows},
    {"ebpfnet_dns_queries_total", kCounter,
     "Queries of sandboxes for names, by what became of them.", dns_queries},
    {"ebpfnet_api_requests_total", kCounter, "Requests to the API, by route and status code.",
     api_requests},
    {"ebpfnet_api_request_duration_seconds", MetricType::Histogram,
     "How long requests to the API took.", api_durations},
    {"ebpfnet_log_messages_total", kCounter, "Messages in the daemon's log, by level.",
     log_messages},
    {"ebpfnet_events_total", kCounter, "Messages in the daemon's log, by event.", events},
    {"ebpfnet_build_info", kGauge, "1, with the version of the daemon and of its map layout.",
     build_info},
    {"ebpfnet_kernel_info", kGauge,
     "1, with the kernel's release and how programs are attached to uplinks.", kernel_info},
    {"ebpfnet_kernel_feature", kGauge, "Whether the kernel has a feature that programs use.",
     kernel_features},
    {"ebpfnet_collect_duration_seconds", kGauge, "How long reading the values of this scrape took.",
     [](const Snapshot& snapshot, Samples& out) { out.add({}, snapshot.read_seconds); }},
    {"process_cpu_seconds_total", kCounter, "CPU time that the daemon has used.",
     [](const Snapshot& snapshot, Samples& out) { out.add({}, snapshot.process.cpu_seconds); }},
    {"process_start_time_seconds", kGauge, "When the daemon was started, since 1970.",
     [](const Snapshot& snapshot, Samples& out) {
       out.add({}, snapshot.process.start_time_seconds);
     }},
    {"process_virtual_memory_bytes", kGauge, "Address space of the daemon.",
     [](const Snapshot& snapshot, Samples& out) {
       out.add({}, static_cast<double>(snapshot.process.virtual_bytes));
     }},
    {"process_resident_memory_bytes", kGauge, "Memory that the daemon uses.",
     [](const Snapshot& snapshot, Samples& out) {
       out.add({}, static_cast<double>(snapshot.process.resident_bytes));
     }},
    {"process_open_fds", kGauge, "Open file descriptors of the daemon.",
     [](const Snapshot& snapshot, Samples& out) {
       out.add({}, static_cast<double>(snapshot.process.open_fds));
     }},
    {"process_max_fds", kGauge, "Limit of the daemon's open file descriptors.",
     [](const Snapshot& snapshot, Samples& out) {
       out.add({}, static_cast<double>(snapshot.process.max_fds));
     }},
};

} // namespace

std::span<const MetricRow> catalogue() {
  return kMetrics;
}

std::string to_text(const Snapshot& snapshot) {
  std::string out;
  for (const MetricRow& row : catalogue()) {
    Samples samples(out, row.name, row.type, row.help);
    row.read(snapshot, samples);
  }
  return out;
}

} // namespace ebpfnet::metrics
