// The service layer: every request that changes something goes through here, as validate, act,
// record, undo. Requests for one sandbox queue on its `operation` mutex; all others run side by
// side.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "daemon/network/census.hpp"
#include "daemon/network/flow_sweep.hpp"
#include "daemon/network/publisher.hpp"
#include "daemon/network/sandbox_network.hpp"
#include "daemon/network/undo.hpp"
#include "daemon/network/uplinks.hpp"
#include "daemon/server/backend.hpp"
#include "daemon/shim/launcher.hpp"
#include "daemon/shim/state.hpp"

namespace ebpfnet::network {

// What the service asks of the event loop.
struct Scheduler {
  // Runs `work` on a thread of the pool.
  std::function<void(std::function<void()> work)> run;
  // Runs `work` on the pool when `fd` becomes readable.
  std::function<void(UniqueFd fd, std::function<void()> work)> when_readable;
  // Runs `work` on the pool after `delay_ms`.
  std::function<void(int delay_ms, std::function<void()> work)> after;
};

class Service final : public server::Backend {
public:
  Service(Context& context, Scheduler scheduler);

  // Brings memory and kernel to what the state database says: repairs, adopts running sandboxes,
  // sweeps what a daemon that died left half made. Once, before the first request.
  Result<void> reconcile();
  // Follows changes of the host's interfaces and addresses.
  Result<void> sync_uplinks() { return uplinks_.sync(); }

  Result<Json> network_create(const api::NetworkCreate& request) override;
  Result<Json> network_list(const server::Filters& filters) override;
  Result<Json> network_inspect(const std::string& ref) override;
  Result<Json> network_remove(const std::string& ref) override;
  Result<Json> network_prune(const server::Filters& filters) override;
  Result<Json> network_connect(const std::string& ref, const api::NetworkConnect& request) override;
  Result<Json> network_disconnect(const std::string& ref,
                                  const api::NetworkDisconnect& request) override;

  Result<Json> sandbox_create(const api::SandboxCreate& request) override;
  Result<Json> sandbox_list(bool all, const server::Filters& filters) override;
  Result<Json> sandbox_inspect(const std::string& ref) override;
  Result<Json> sandbox_start(const std::string& ref, const api::SandboxStart& request) override;
  Result<Json> sandbox_stop(const std::string& ref, const api::SandboxStop& request) override;
  Result<Json> sandbox_restart(const std::string& ref, const api::SandboxStop& request) override;
  Result<Json> sandbox_kill(const std::string& ref, const api::SandboxKill& request) override;
  Result<Json> sandbox_wait(const std::string& ref, bool until_removed,
                            const std::function<bool()>& alive) override;
  Result<Json> sandbox_remove(const std::string& ref, bool force) override;
  Result<Json> sandbox_exec(const std::string& ref, const api::SandboxExec& request) override;
  Result<void> sandbox_logs(const std::string& ref, bool follow, const server::Sink& sink) override;
  Result<Json> sandbox_publish(const std::string& ref, const api::PortSpec& spec) override;
  Result<Json> sandbox_unpublish(const std::string& ref, const api::PortSpec& spec) override;

  Census census() const;
  Result<Json> status(bool verify) override;
  Result<Json> version() override;

private:
  using SandboxPtr = std::shared_ptr<Sandbox>;
  using NetworkPtr = std::shared_ptr<Network>;

  // A sandbox that is held for one operation.
  struct Held {
    SandboxPtr sandbox;
    std::unique_lock<std::mutex> operation;
    Sandbox* operator->() const { return sandbox.get(); }
    Sandbox& operator*() const { return *sandbox; }
  };
  Result<Held> hold(const std::string& ref);

  // service_networks.cpp
  Result<NetworkPtr> plan_network(const api::NetworkCreate& request, bool predefined);
  Result<NetworkPtr> create_network(const api::NetworkCreate& request, bool predefined);
  Result<void> remove_network(const NetworkPtr& network);
  void reconnect(Sandbox& sandbox, const std::shared_ptr<Endpoint>& endpoint);
  void sync_uplinks_or_log();

  // service_plan.cpp: with the registry locked, takes names, numbers and addresses; nothing of the
  // kernel is touched.
  Result<SandboxPtr> plan_sandbox(const api::SandboxCreate& request);
  Result<std::shared_ptr<Endpoint>> plan_endpoint(Sandbox& sandbox,
                                                  const api::EndpointConfig& config);
  void give_back(const Endpoint& endpoint, bool let_go = true);
  void forget(const SandboxPtr& sandbox, bool let_go = true);

  // service_process.cpp, with the sandbox held
  Result<std::string> start_process(Sandbox& sandbox,
                                    bool attach); // returns the attach socket or nothing
  // The same without record and watch, which are the caller's.
  Result<std::string> launch_process(Sandbox& sandbox, bool attach);
  void abandon_process(Sandbox& sandbox);
  void end_all(const Sandbox& sandbox);
  shim::LaunchSpec launch_spec(const Sandbox& sandbox, const api::ProcessConfig& process,
                               bool attach) const;
  Result<void> stop_process(Sandbox& sandbox, int timeout_seconds);
  void watch(const Sandbox& sandbox);
  void process_ended(const std::string& sandbox_id, int shim_pid);
  void finish(Sandbox& sandbox); // the caller records
  void follow_end(const SandboxPtr& sandbox);
  void schedule_restart(const SandboxPtr& sandbox);
  void set_restarting(Sandbox& sandbox, bool restarting);
  bool wants_restart(const Sandbox& sandbox) const;

  Result<void> remove_sandbox(Held& held, bool force);
  Result<void> record(const Sandbox& sandbox);
  void record_or_log(const Sandbox& sandbox);
  Result<void> record_with_endpoints(const Sandbox& sandbox);
  Result<void> erase_records(const Sandbox& sandbox);

  Result<std::size_t> attachments(std::string_view program) const;

  // reconcile.cpp
  Result<void> load_records();
  Result<void> rebuild_sandbox(const SandboxPtr& sandbox);
  void adopt_process(const SandboxPtr& sandbox);
  std::set<std::string> known_ids() const;
  Result<void> sweep();

  Context& context_;
  Scheduler scheduler_;
  Publisher publisher_;
  SandboxNetwork sandbox_network_;
  Uplinks uplinks_;
  FlowSweeper flow_sweeper_;
  std::string started_at_;
};

} // namespace ebpfnet::network
