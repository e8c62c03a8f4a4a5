#include "maps/view/counters.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <vector>

namespace ebpfnet::view {

Result<Counters> Counters::open(UniqueFd map) {
  Counters out;
  out.map_ = std::move(map);
  out.cpus_ = ::libbpf_num_possible_cpus();
  if (out.cpus_ < 1) {
    return fail_errno(-out.cpus_, "count the possible CPUs");
  }
  return out;
}

Result<ebn_counters> Counters::read(NetworkIndex network) const {
  std::vector<ebn_counters> rows(static_cast<std::size_t>(cpus_));
  if (::bpf_map_lookup_elem(map_.get(), &network.value, rows.data()) != 0) {
    return fail_errno(errno, "read the counters of network {}", network.value);
  }
  ebn_counters sum{};
  for (const ebn_counters& row : rows) {
    for (int i = 0; i < EBN_PATH_LIMIT; ++i) {
      sum.packets[i] += row.packets[i];
      sum.bytes[i] += row.bytes[i];
    }
    for (int i = 0; i < EBN_DROP_LIMIT; ++i) {
      sum.drops[i] += row.drops[i];
    }
  }
  return sum;
}

Result<void> Counters::reset(NetworkIndex network) {
  const std::vector<ebn_counters> rows(static_cast<std::size_t>(cpus_));
  if (::bpf_map_update_elem(map_.get(), &network.value, rows.data(), BPF_ANY) != 0) {
    return fail_errno(errno, "reset the counters of network {}", network.value);
  }
  return {};
}

std::string_view path_label(unsigned path) {
  constexpr std::string_view kLabels[] = {"local", "bridge", "out", "in", "host", "published"};
  static_assert(std::size(kLabels) == EBN_PATH_PUBLISHED + 1);
  return path < std::size(kLabels) ? kLabels[path] : std::string_view();
}

std::string_view drop_label(unsigned reason) {
  switch (reason) {
#define EBN_LABEL(name, number, label, meaning)                                                    \
  case number:                                                                                     \
    return label;
    EBN_DROP_REASONS(EBN_LABEL)
#undef EBN_LABEL
  default:
    return {};
  }
}

std::string_view drop_meaning(unsigned reason) {
  switch (reason) {
#define EBN_MEANING(name, number, label, meaning)                                                  \
  case number:                                                                                     \
    return meaning;
    EBN_DROP_REASONS(EBN_MEANING)
#undef EBN_MEANING
  default:
    return {};
  }
}

} // namespace ebpfnet::view
