// Three maps that change together under one lock: records by endpoint, and endpoints by name and by
// address.
#include "daemon/services/registry.hpp"

#include <algorithm>
#include <mutex>

namespace ebpfnet::services {
namespace {

// DNS compares ASCII letters only (RFC 4343), whatever the locale says.
std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

void add_once(std::vector<std::string>& list, const std::string& id) {
  if (std::ranges::find(list, id) == list.end()) {
    list.push_back(id);
  }
}

template <class Map, class Key> void drop(Map& map, const Key& key, std::string_view id) {
  const auto found = map.find(key);
  if (found == map.end()) {
    return;
  }
  std::erase(found->second, id);
  if (found->second.empty()) {
    map.erase(found);
  }
}

} // namespace

void Registry::put(EndpointRecord record) {
  const std::unique_lock lock(mutex_);
  forget(record.endpoint_id);
  for (const std::string& name : record.names) {
    add_once(by_name_[{record.network_id, lower(name)}], record.endpoint_id);
  }
  for (const auto& address : {record.ipv4, record.ipv6}) {
    if (address) {
      add_once(by_address_[{record.network_id, *address}], record.endpoint_id);
    }
  }
  std::string id = record.endpoint_id;
  records_.insert_or_assign(std::move(id), std::move(record));
}

void Registry::remove(std::string_view endpoint_id) {
  const std::unique_lock lock(mutex_);
  forget(endpoint_id);
}

void Registry::forget(std::string_view endpoint_id) {
  const auto found = records_.find(endpoint_id);
  if (found == records_.end()) {
    return;
  }
  const EndpointRecord& record = found->second;
  for (const std::string& name : record.names) {
    drop(by_name_, Key{record.network_id, lower(name)}, endpoint_id);
  }
  for (const auto& address : {record.ipv4, record.ipv6}) {
    if (address) {
      drop(by_address_, std::pair(record.network_id, *address), endpoint_id);
    }
  }
  records_.erase(found);
}

std::vector<IpAddress> Registry::lookup(std::string_view network_id, std::string_view name,
                                        Family family) const {
  const std::shared_lock lock(mutex_);
  std::vector<IpAddress> out;
  const auto found = by_name_.find({std::string(network_id), lower(name)});
  if (found == by_name_.end()) {
    return out;
  }
  for (const std::string& id : found->second) {
    const EndpointRecord& record = records_.find(id)->second;
    if (const auto& address = family == Family::v4 ? record.ipv4 : record.ipv6) {
      out.push_back(*address);
    }
  }
  return out;
}

bool Registry::knows(std::string_view network_id, std::string_view name) const {
  const std::shared_lock lock(mutex_);
  return by_name_.contains({std::string(network_id), lower(name)});
}

std::optional<PtrAnswer> Registry::reverse(std::string_view network_id,
                                           const IpAddress& address) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_address_.find({std::string(network_id), address});
  if (found == by_address_.end()) {
    return std::nullopt;
  }
  for (const std::string& id : found->second) {
    const EndpointRecord& record = records_.find(id)->second;
    if (!record.names.empty()) {
      return PtrAnswer{record.names.front(), record.network_name};
    }
  }
  return std::nullopt;
}

} // namespace ebpfnet::services
