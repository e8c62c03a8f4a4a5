#include "daemon/metrics/exporter.hpp"

#include "daemon/metrics/catalogue.hpp"

namespace ebpfnet::metrics {
namespace {

// Walking full tables takes a third of a second. However many ask, no more than one part in twenty
// of a processor goes into it: what was counted holds for twenty times as long as counting took.
constexpr int kRest = 20;

Result<std::vector<Traffic>> read_traffic(const view::Counters& counters,
                                          const network::Census& census) {
  std::vector<Traffic> out;
  out.push_back({ "", "", TRY(counters.read(NetworkIndex(0))) });
  for (const auto& network : census.networks) {
    if (network.has_traffic) {
      out.push_back({ network.name, network.driver, TRY(counters.read(network.index)) });
    }
  }
  return out;
}

} // namespace

Result<std::string> Exporter::scrape() {
  const std::scoped_lock lock(mutex_);
  return to_text(TRY(read()));
}

Result<Snapshot> Exporter::read() {
  const auto begun = Clock::now();
  Snapshot out;
  out.census = sources_.service.census();
  out.traffic = TRY(read_traffic(sources_.plane.maps().counters, out.census));
  TRY_VOID(refresh_tables(out.census.networks.size()));
  out.tables = tables_;
  out.features = sources_.plane.features();
  out.kernel = loader::kernel_release();
  out.dns = sources_.dns.tally();
  out.api = sources_.api.read();
  out.log = sources_.log.read();
  out.process = TRY(read_process());
  out.read_seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return out;
}

Result<void> Exporter::refresh_tables(std::size_t networks) {
  const auto begun = Clock::now();
  if (begun < tables_good_until_) {
    return {};
  }
  tables_ = TRY(read_tables(sources_.plane.maps(), networks));
  const auto done = Clock::now();
  tables_good_until_ = done + kRest * (done - begun);
  return {};
}

} // namespace ebpfnet::metrics
