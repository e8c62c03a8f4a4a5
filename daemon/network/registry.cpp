#include "daemon/network/registry.hpp"

#include <algorithm>

namespace ebpfnet::network {
namespace {

// A name wins over an id prefix, as in Docker.
template <class Object>
Result<std::shared_ptr<Object>> find_in(const std::map<std::string, std::shared_ptr<Object>>& table,
                                        const std::shared_ptr<Object>& named,
                                        const std::string& ref, std::string_view what) {
  if (named) {
    return named;
  }
  std::shared_ptr<Object> found;
  if (!ref.empty()) {
    for (auto it = table.lower_bound(ref); it != table.end() && it->first.starts_with(ref); ++it) {
      if (found) {
        return fail(ErrorCode::conflict, "{} id prefix '{}' is ambiguous", what, ref);
      }
      found = it->second;
    }
  }
  if (!found) {
    return Failure(Error{ErrorCode::not_found, 0, fmt::format("{} {} not found", what, ref),
                         what == "network" ? "see 'ebpfnet network ls'" : "see 'ebpfnet ps -a'"});
  }
  return found;
}

template <class Object>
std::shared_ptr<Object> by_id(const std::map<std::string, std::shared_ptr<Object>>& table,
                              const std::string& id) {
  const auto found = table.find(id);
  return found == table.end() ? nullptr : found->second;
}

} // namespace

Result<std::shared_ptr<Network>> Registry::find_network(const std::string& ref) const {
  const auto named =
      std::ranges::find_if(networks, [&](const auto& row) { return row.second->name == ref; });
  return find_in(networks, named == networks.end() ? nullptr : named->second, ref, "network");
}

Result<std::shared_ptr<Sandbox>> Registry::find_sandbox(const std::string& ref) const {
  return find_in(sandboxes, sandbox_named(ref), ref, "sandbox");
}

std::shared_ptr<Sandbox> Registry::sandbox_named(const std::string& name) const {
  const auto found = sandbox_names_.find(name);
  return found == sandbox_names_.end() ? nullptr : found->second;
}

void Registry::add(const std::shared_ptr<Sandbox>& sandbox) {
  sandboxes[sandbox->id] = sandbox;
  sandbox_names_[sandbox->name] = sandbox;
}

void Registry::remove(const Sandbox& sandbox) {
  sandbox_names_.erase(sandbox.name);
  sandboxes.erase(sandbox.id);
}

std::shared_ptr<Network> Registry::network(const std::string& id) const {
  return by_id(networks, id);
}

std::shared_ptr<Sandbox> Registry::sandbox(const std::string& id) const {
  return by_id(sandboxes, id);
}

std::vector<std::shared_ptr<Endpoint>> Registry::endpoints_of(const std::string& network_id) const {
  std::vector<std::shared_ptr<Endpoint>> out;
  for (const auto& [id, sandbox] : sandboxes) {
    for (const auto& endpoint : sandbox->endpoints) {
      if (endpoint->network_id == network_id) {
        out.push_back(endpoint);
      }
    }
  }
  return out;
}

} // namespace ebpfnet::network
