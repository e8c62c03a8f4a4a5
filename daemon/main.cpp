// Wiring only: settings, locks, state, data plane, service, server, signals.
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>

#include "daemon/config.hpp"
#include "daemon/directories.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/log.hpp"
#include "daemon/metrics/exporter.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/purge.hpp"
#include "daemon/server/http_server.hpp"
#include "daemon/server/metrics/routes.hpp"
#include "daemon/server/native/routes.hpp"
#include "daemon/server/tcp_listener.hpp"
#include "daemon/server/unix_listener.hpp"
#include "daemon/version.hpp"

namespace ebpfnet {
namespace {

// Threads that wait for the kernel's grace periods while nobody waits for them.
constexpr server::WorkerPool::Limits kAside{16, std::chrono::seconds(5)};

// The command line, read again on SIGHUP.
struct Arguments {
  int count;
  char** values;
};

// Sockets of sandboxes and of forwarded DNS queries add up.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// Marks what this daemon makes, from its first start on.
Result<std::string> instance_id(state::Store& store) {
  for (const auto& row : TRY(store.load("setting"))) {
    if (row.id == "instance") {
      return row.doc.value("id", "");
    }
  }
  std::string id = TRY(random_id());
  id.resize(8);
  const state::Change change{
      state::Change::Op::put, "setting", "instance", "instance", {{"id", id}}};
  TRY_VOID(store.apply({&change, 1}));
  return id;
}

Result<std::unique_ptr<loader::DataPlane>> open_data_plane(const network::Options& options) {
  loader::DataPlane::Options wanted;
  wanted.bpffs = options.bpffs;
  wanted.tcx = options.tcx;
  wanted.config.masq_first = options.masq_first;
  wanted.config.masq_last = options.masq_last;
  wanted.config.dns_port = network::kDnsPort;
  wanted.config.flow_quota = options.flow_quota;
  const UniqueFd self = TRY(netlink::open_netns("/proc/self/ns/net"));
  wanted.config.netns_cookie = TRY(netlink::netns_cookie(self.get()));
  return loader::DataPlane::open(wanted);
}

// What can change while running: the log's level. Everything else needs a restart, which costs no
// traffic.
void reload(const Arguments& arguments) {
  int exit_code = -1;
  const auto config = load_config(arguments.count, arguments.values, exit_code);
  if (!config) {
    spdlog::error("event=reload_failed error={:?}", config.error().story());
    return;
  }
  set_log_level(config->log_level);
  spdlog::info("event=reloaded log_level={}", config->log_level);
}

void stop_on_signal(boost::asio::io_context& loop, boost::asio::signal_set& signals,
                    const Arguments& arguments) {
  signals.async_wait(
      [&loop, &signals, arguments](const boost::system::error_code& error, int number) {
        if (error) {
          return;
        }
        if (number == SIGHUP) {
          reload(arguments);
          stop_on_signal(loop, signals, arguments);
          return;
        }
        spdlog::info("event=stopping signal={}", number);
        ::sd_notify(0, "STOPPING=1");
        loop.stop();
      });
}

// The metrics' listener, if one was asked for: before anything of the kernel is touched, so that an
// address that is in use is no half start.
Result<std::unique_ptr<server::Listener>> listen_for_metrics(const Config& config) {
  if (!config.metrics_listen) {
    return nullptr;
  }
  auto listener = server::TcpListener::listen(*config.metrics_listen);
  if (!listener) {
    return Failure(std::move(listener).error().wrap("--metrics-listen"));
  }
  return std::make_unique<server::TcpListener>(std::move(*listener));
}

// Anybody may be on the other end, so everything is bounded: connections, their time, and one
// thread for all scrapes.
Result<std::unique_ptr<server::HttpServer>>
serve_metrics(boost::asio::io_context& loop, std::unique_ptr<server::Listener> listener,
              metrics::Exporter& exporter) {
  if (!listener) {
    return nullptr;
  }
  server::Options options;
  options.name = "metrics";
  options.hint = "the metrics are at /metrics";
  options.limits = {.header_bytes = 8 * 1024,
                    .body_bytes = 1024,
                    .read_timeout = std::chrono::seconds(10),
                    .idle_timeout = std::chrono::seconds(30),
                    .connections = 128,
                    .threads = 1};
  return server::HttpServer::serve(
      loop, std::move(listener), std::move(options),
      server::metrics_routes([&exporter] { return exporter.scrape(); }));
}

Result<void> serve(const Config& config, const Arguments& arguments, metrics::EventCounts& log) {
  const auto locks = TRY(prepare_directories(config.network));
  auto metrics_listener = TRY(listen_for_metrics(config));
  auto store = TRY(state::Store::open(config.network.state_dir));
  const auto plane = TRY(open_data_plane(config.network));
  if (plane->features().set_retval) {
    TRY_VOID(plane->attach_cgroup(config.network.cgroup_root));
  }
  boost::asio::io_context loop(1);
  services::Registry names;
  dns::Server dns(loop, names);
  network::Registry registry;
  const std::string instance = TRY(instance_id(store));
  auto pool = TRY(server::WorkerPool::create({}));
  auto aside = TRY(server::WorkerPool::create(kAside));
  const auto links = TRY(netlink::LinkRemover::create(
      [&aside](std::function<void()> job) { aside->run(std::move(job)); }));
  network::Context context{config.network, instance, store, *plane, names, dns, registry, *links};
  network::Service service(context, make_scheduler(loop, *pool));
  TRY_VOID(service.reconcile());
  TRY_VOID(follow_host(loop, *pool, [&service] {
    if (auto synced = service.sync_uplinks(); !synced) {
      spdlog::error("event=uplink_sync_failed error={:?}", synced.error().story());
    }
  }));
  metrics::ApiRequests requests;
  const auto socket = config.network.run_dir / "api.sock";
  auto listener = TRY(server::UnixListener::listen(socket, 0660, "ebpfnet"));
  server::Options options;
  options.observe = [&requests](const server::Exchange& done) { requests.record(done); };
  auto http = TRY(
      server::HttpServer::serve(loop, std::make_unique<server::UnixListener>(std::move(listener)),
                                std::move(options), server::native_routes(service)));
  metrics::Exporter exporter({service, *plane, dns, requests, log});
  auto metrics_http = TRY(serve_metrics(loop, std::move(metrics_listener), exporter));
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT, SIGHUP);
  stop_on_signal(loop, signals, arguments);
  spdlog::info("event=ready version={} socket={:?}", kVersion, socket.string());
  ::sd_notify(0, "READY=1");
  loop.run();
  http->stop();
  metrics_http.reset();
  http.reset();
  pool.reset(); // waits for what still works on the service
  aside.reset();
  return {};
}

int run(int argc, char** argv) {
  int exit_code = -1;
  auto config = load_config(argc, argv, exit_code);
  if (!config && exit_code >= 0) {
    return exit_code;
  }
  if (!config) {
    fmt::print(stderr, "Error: {}\n", config.error().story());
    return 2;
  }
  const auto log = set_up_log(*config);
  raise_descriptor_limit();
  config->network.shim =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "ebpfnet-shim";
  auto done = [&]() -> Result<void> {
    if (!config->purge) {
      return serve(*config, {argc, argv}, *log);
    }
    const auto locks = TRY(prepare_directories(config->network));
    return purge(config->network);
  }();
  if (!done) {
    fmt::print(stderr, "Error: {}\n", done.error().story());
    return 1;
  }
  return 0;
}

} // namespace
} // namespace ebpfnet

int main(int argc, char** argv) {
  // A thread per request would else leave an arena each: memory that is free and not given back.
  ::mallopt(M_ARENA_MAX, 2);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return ebpfnet::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "Error: {}\n", error.what());
    return 1;
  }
}
