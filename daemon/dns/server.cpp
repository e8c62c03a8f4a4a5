// The public face: checks on the caller's thread, then work on the strand in the order of the
// calls.
#include "daemon/dns/server.hpp"

#include <map>
#include <mutex>
#include <set>

#include "daemon/dns/front.hpp"

namespace ebpfnet::dns {

struct Server::Core {
  std::shared_ptr<Context> context;
  std::map<std::string, std::shared_ptr<Front>> fronts; // strand only

  std::mutex mutex;
  std::set<std::string> ids; // under mutex: what was added and not removed, as the callers see it
};

Server::Server(asio::io_context& loop, const services::Registry& registry, Limits limits)
    : core_(std::make_shared<Core>()) {
  core_->context = std::make_shared<Context>(Context{
      asio::make_strand(loop), std::make_shared<asio::thread_pool>(1), Resolver(registry), limits});
}

Server::~Server() {
  core_->context->helpers->join();
}

Result<void> Server::add_sandbox(SandboxDns sandbox) {
  const std::string id = sandbox.id;
  auto front = TRY(Front::create(core_->context, std::move(sandbox)));
  const std::scoped_lock lock(core_->mutex);
  if (!core_->ids.insert(id).second) {
    return fail(ErrorCode::conflict, "names of sandbox '{}' are already being served", id);
  }
  asio::post(core_->context->strand, [core = core_, id, front] {
    core->fronts.emplace(id, front);
    front->start();
  });
  return {};
}

void Server::update_sandbox(const std::string& id, SandboxView view) {
  asio::post(core_->context->strand, [core = core_, id, view = std::move(view)]() mutable {
    if (const auto found = core->fronts.find(id); found != core->fronts.end()) {
      found->second->update(std::move(view));
    }
  });
}

void Server::remove_sandbox(const std::string& id) {
  const std::scoped_lock lock(core_->mutex);
  core_->ids.erase(id);
  asio::post(core_->context->strand, [core = core_, id] {
    if (const auto found = core->fronts.find(id); found != core->fronts.end()) {
      found->second->stop();
      core->fronts.erase(found);
    }
  });
}

} // namespace ebpfnet::dns
