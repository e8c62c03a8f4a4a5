// All networks and sandboxes in memory, and who may touch them.
//
// One mutex guards the tables and the fields of every record; it is held for moments only, never
// across a system call that can wait. Whoever changes a sandbox also holds that sandbox's
// `operation` mutex from beginning to end, so that requests for the same sandbox queue and others
// do not. What is being made is in the tables from the start (its name, addresses and numbers are
// taken) but is listed only when it is ready.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "daemon/network/index_pool.hpp"
#include "daemon/network/model.hpp"
#include "maps/abi/limits.h"

namespace ebpfnet::network {

class Registry {
public:
  using Lock = std::unique_lock<std::mutex>;
  Lock lock() const { return Lock(mutex_); }

  // By name, id or unique prefix of an id. Call with the lock held. Errors: "network X not found",
  // ambiguous prefix.
  Result<std::shared_ptr<Network>> find_network(const std::string& ref) const;
  Result<std::shared_ptr<Sandbox>> find_sandbox(const std::string& ref) const;
  std::shared_ptr<Network> network(const std::string& id) const; // nullptr: none
  std::shared_ptr<Sandbox> sandbox(const std::string& id) const;

  // With the lock held: endpoints of a network, ready or not.
  std::vector<std::shared_ptr<Endpoint>> endpoints_of(const std::string& network_id) const;

  // The sandbox of that name; nullptr: none.
  std::shared_ptr<Sandbox> sandbox_named(const std::string& name) const;
  // Into the tables and out of them, with the lock held.
  void add(const std::shared_ptr<Sandbox>& sandbox);
  void remove(const Sandbox& sandbox);

  std::map<std::string, std::shared_ptr<Network>> networks;  // by id
  std::map<std::string, std::shared_ptr<Sandbox>> sandboxes; // by id
  IndexPool network_indexes{"network numbers", EBN_MAX_NETWORKS};
  IndexPool slots{"endpoint slots", EBN_MAX_ENDPOINTS};
  IndexPool sandbox_indexes{"sandbox numbers", EBN_MAX_SANDBOXES};

private:
  std::unordered_map<std::string, std::shared_ptr<Sandbox>> sandbox_names_;
  mutable std::mutex mutex_;
};

} // namespace ebpfnet::network
