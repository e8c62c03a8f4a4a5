// The public face: checks on the caller's thread, then work on the strand in the order of the
// calls.
#include "daemon/dns/server.hpp"

#include <map>
#include <mutex>

#include "daemon/dns/front.hpp"

namespace ebpfnet::dns {

struct Server::Core {
  std::shared_ptr<Context> context;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Front>> fronts; // under mutex
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
  if (!core_->fronts.emplace(id, front).second) {
    return fail(ErrorCode::conflict, "names of sandbox '{}' are already being served", id);
  }
  asio::post(core_->context->strand, [front] { front->start(); });
  return {};
}

void Server::update_sandbox(const std::string& id, SandboxView view) {
  const std::scoped_lock lock(core_->mutex);
  if (const auto found = core_->fronts.find(id); found != core_->fronts.end()) {
    found->second->update(std::move(view));
  }
}

void Server::remove_sandbox(const std::string& id) {
  const std::scoped_lock lock(core_->mutex);
  if (const auto found = core_->fronts.find(id); found != core_->fronts.end()) {
    asio::post(core_->context->strand, [front = found->second] { front->stop(); });
    core_->fronts.erase(found);
  }
}

Tally::Counts Server::tally() const {
  return core_->context->tally->read();
}

} // namespace ebpfnet::dns
