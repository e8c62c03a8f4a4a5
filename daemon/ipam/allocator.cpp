#include "daemon/ipam/allocator.hpp"

#include <algorithm>
#include <limits>

namespace ebpfnet::ipam {

namespace {

// IPv4 in its mapped form, so that both families count upwards in the same way.
U128 number(const IpAddress& address) {
  U128 value = 0;
  for (const std::uint8_t byte : address.bytes()) {
    value = value << 8 | byte;
  }
  return value;
}

IpAddress address_of(U128 value) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 16; i-- > 0; value >>= 8) {
    bytes[i] = static_cast<std::uint8_t>(value);
  }
  return IpAddress::from_bytes(bytes);
}

} // namespace

Allocator::Allocator(const NetworkPlan& plan) {
  for (const SubnetPlan& subnet : plan.subnets) {
    subnets_.push_back(subnet_from(subnet));
  }
}

Allocator::Subnet Allocator::subnet_from(const SubnetPlan& plan) {
  Subnet subnet{
      plan.subnet, plan.range, number(plan.range.address()), number(plan.range.last()), 0, {},
      {},          {}};
  const unsigned host_bits = (plan.subnet.is_v4() ? 32 : 128) - plan.subnet.length();
  if (host_bits > 1) {
    subnet.reserved.insert(number(plan.subnet.address()));
    if (plan.subnet.is_v4()) {
      subnet.reserved.insert(number(plan.subnet.last()));
    }
  }
  if (plan.gateway) {
    subnet.reserved.insert(number(*plan.gateway));
  }
  for (const auto& [name, address] : plan.aux) {
    subnet.reserved.insert(number(address));
  }
  for (const U128 value : subnet.reserved) {
    take(subnet, value);
  }
  return subnet;
}

bool Allocator::take(Subnet& subnet, U128 value) {
  if (!subnet.taken.insert(value)) {
    return false;
  }
  subnet.taken_in_range += value >= subnet.first && value <= subnet.last ? 1 : 0;
  return true;
}

Allocator::Subnet* Allocator::find(Family family) {
  for (Subnet& subnet : subnets_) {
    if (subnet.subnet.is_v4() == (family == Family::v4)) {
      return &subnet;
    }
  }
  return nullptr;
}

const Allocator::Subnet* Allocator::find(Family family) const {
  for (const Subnet& subnet : subnets_) {
    if (subnet.subnet.is_v4() == (family == Family::v4)) {
      return &subnet;
    }
  }
  return nullptr;
}

Result<IpAddress> Allocator::request(Family family) {
  const std::lock_guard lock(mutex_);
  Subnet* subnet = find(family);
  if (subnet == nullptr) {
    return fail(ErrorCode::invalid, "the network has no {} subnet", name_of(family));
  }
  const U128 last_given = number(subnet->cursor);
  const bool begun = subnet->range.contains(subnet->cursor);
  U128 value = subnet->taken.next_free(begun ? last_given + 1 : subnet->first);
  if (value > subnet->last) {
    value = subnet->taken.next_free(subnet->first);
  }
  if (value > subnet->last) {
    return Failure(Error{ErrorCode::exhausted, 0, "no available addresses on this pool",
                         fmt::format("all addresses of {} are in use", subnet->range.to_string())});
  }
  take(*subnet, value);
  ++used_;
  subnet->cursor = address_of(value);
  return subnet->cursor;
}

Result<void> Allocator::request_exact(const IpAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto subnet =
      std::ranges::find_if(subnets_, [&](const Subnet& s) { return s.subnet.contains(address); });
  if (subnet == subnets_.end()) {
    return fail(ErrorCode::invalid, "no configured subnet contains IP address {}",
                address.to_string());
  }
  if (!take(*subnet, number(address))) {
    return fail(ErrorCode::conflict, "Address already in use");
  }
  ++used_;
  return {};
}

void Allocator::release(const IpAddress& address) {
  const std::lock_guard lock(mutex_);
  const U128 value = number(address);
  for (Subnet& subnet : subnets_) {
    if (!subnet.reserved.contains(value) && subnet.taken.erase(value)) {
      --used_;
      subnet.taken_in_range -= value >= subnet.first && value <= subnet.last ? 1 : 0;
    }
  }
}

std::size_t Allocator::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

std::size_t Allocator::free(Family family) const {
  const std::lock_guard lock(mutex_);
  const Subnet* subnet = find(family);
  if (subnet == nullptr) {
    return 0;
  }
  const U128 left = subnet->last - subnet->first + 1 - subnet->taken_in_range;
  return static_cast<std::size_t>(std::min<U128>(left, std::numeric_limits<std::size_t>::max()));
}

IpAddress Allocator::cursor(Family family) const {
  const std::lock_guard lock(mutex_);
  const Subnet* subnet = find(family);
  return subnet == nullptr ? IpAddress() : subnet->cursor;
}

void Allocator::restore_cursor(const IpAddress& last) {
  const std::lock_guard lock(mutex_);
  for (Subnet& subnet : subnets_) {
    if (subnet.range.contains(last)) {
      subnet.cursor = last;
    }
  }
}

} // namespace ebpfnet::ipam
