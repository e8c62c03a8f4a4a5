// The addresses of one network: given out one after another, each to one holder at a time. Knows
// nothing of who holds them; the caller restores addresses with request_exact and the cursor after
// a restart.
#pragma once

#include <cstddef>
#include <mutex>
#include <set>
#include <vector>

#include "daemon/ipam/interval_set.hpp"
#include "daemon/ipam/plan.hpp"

namespace ebpfnet::ipam {

// Safe to use from several threads at once. Memory grows with the gaps between used addresses, not
// with the subnet.
class Allocator {
public:
  // Network, broadcast and subnet-router anycast addresses, gateways and auxiliary addresses are
  // never given out.
  explicit Allocator(const NetworkPlan& plan);

  // The next free address of the range after the last one given, beginning anew at its end.
  // `exhausted`: "no available addresses on this pool"; `invalid`: the network has no such family.
  Result<IpAddress> request(Family family);
  // Any address of the subnet, also outside the range. `conflict`: "Address already in use";
  // `invalid`: "no configured subnet contains IP address X".
  Result<void> request_exact(const IpAddress& address);
  // Gives an address back; one that is free or reserved stays as it is.
  void release(const IpAddress& address);

  std::size_t used() const; // addresses given out, both families
  std::size_t
  free(Family family) const; // addresses of the range that request can still give, saturated

  // The last address given by `request`, unspecified ("::") before the first: kept by the caller
  // over a restart.
  IpAddress cursor(Family family) const;
  void restore_cursor(const IpAddress& last); // ignored when no range contains it

private:
  struct Subnet {
    IpPrefix subnet, range;
    U128 first = 0, last = 0; // of the range
    U128 taken_in_range = 0;
    IpAddress cursor;
    IntervalSet taken;
    std::set<U128> reserved;
  };

  static Subnet subnet_from(const SubnetPlan& plan);
  static bool take(Subnet& subnet, U128 value);
  Subnet* find(Family family);
  const Subnet* find(Family family) const;

  mutable std::mutex mutex_;
  std::vector<Subnet> subnets_;
  std::size_t used_ = 0;
};

} // namespace ebpfnet::ipam
