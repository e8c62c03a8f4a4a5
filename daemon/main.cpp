// Wiring only: settings, locks, state, data plane, service, server, signals.
#include <spdlog/sinks/stdout_sinks.h>
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
#include "daemon/netlink/netns.hpp"
#include "daemon/purge.hpp"
#include "daemon/server/http_server.hpp"
#include "daemon/server/native/routes.hpp"
#include "daemon/version.hpp"

namespace ebpfnet {
namespace {

constexpr const char* kJsonLog = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%v"})";

// The command line, read again on SIGHUP.
struct Arguments {
  int count;
  char** values;
};

void set_up_log(const Config& config) {
  auto logger = spdlog::stderr_logger_mt("ebpfnetd");
  logger->set_level(spdlog::level::from_str(config.log_level));
  logger->set_pattern(config.log_format == "json" ? kJsonLog : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                      spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
}

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
  spdlog::set_level(spdlog::level::from_str(config->log_level));
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

Result<void> serve(const Config& config, const Arguments& arguments) {
  const auto locks = TRY(prepare_directories(config.network));
  auto store = TRY(state::Store::open(config.network.state_dir));
  const auto plane = TRY(open_data_plane(config.network));
  if (plane->features().set_retval) {
    TRY_VOID(plane->attach_bind_hold(config.network.cgroup_root));
  }
  boost::asio::io_context loop(1);
  services::Registry names;
  dns::Server dns(loop, names);
  network::Registry registry;
  const std::string instance = TRY(instance_id(store));
  network::Context context{config.network, instance, store, *plane, names, dns, registry};
  auto pool = TRY(server::WorkerPool::create({}));
  network::Service service(context, make_scheduler(loop, *pool));
  TRY_VOID(service.reconcile());
  TRY_VOID(follow_host(loop, *pool, [&service] {
    if (auto synced = service.sync_uplinks(); !synced) {
      spdlog::error("event=uplink_sync_failed error={:?}", synced.error().story());
    }
  }));
  server::Options listen;
  listen.socket = config.network.run_dir / "api.sock";
  auto http = TRY(server::HttpServer::listen(loop, listen, server::native_routes(service)));
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT, SIGHUP);
  stop_on_signal(loop, signals, arguments);
  spdlog::info("event=ready version={} socket={:?}", kVersion, listen.socket.string());
  ::sd_notify(0, "READY=1");
  loop.run();
  http->stop();
  http.reset();
  pool.reset(); // waits for what still works on the service
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
  set_up_log(*config);
  raise_descriptor_limit();
  config->network.shim =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "ebpfnet-shim";
  auto done = [&]() -> Result<void> {
    if (!config->purge) {
      return serve(*config, {argc, argv});
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
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return ebpfnet::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "Error: {}\n", error.what());
    return 1;
  }
}
