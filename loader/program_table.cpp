#include "loader/program_table.hpp"

#include <cerrno>

#include "cgroup_bind4.skel.h"
#include "cgroup_bind6.skel.h"
#include "cgroup_connect4.skel.h"
#include "cgroup_connect6.skel.h"
#include "cgroup_getpeername4.skel.h"
#include "cgroup_getpeername6.skel.h"
#include "cgroup_recvmsg4.skel.h"
#include "cgroup_recvmsg6.skel.h"
#include "cgroup_sendmsg4.skel.h"
#include "cgroup_sendmsg6.skel.h"
#include "start_clock.skel.h"
#include "tc_from_container.skel.h"
#include "tc_from_uplink.skel.h"
#include "tc_on_loopback.skel.h"
#include "tc_to_container.skel.h"
#include "tc_to_uplink.skel.h"

namespace ebpfnet::loader {
namespace {

// The generated skeleton knows the layout of the read-only data; after that only the object is
// needed.
template <class ReadOnlyData>
Result<bpf_object*> open_object(const void* bytes, std::size_t size, const char* name,
                                const ebn_config& config) {
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name);
  bpf_object* object = ::bpf_object__open_mem(bytes, size, &options);
  if (object == nullptr) {
    return fail_errno(errno, "open the BPF object '{}'", name);
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string_view map_name = ::bpf_map__name(map);
    if (map_name.ends_with(".rodata")) {
      std::size_t length = 0;
      auto* data =
          static_cast<ReadOnlyData*>(const_cast<void*>(::bpf_map__initial_value(map, &length)));
      data->cfg = config;
    }
  }
  return object;
}

// One skeleton as open_object wants it.
#define EBN_SKELETON(name)                                                                         \
  [](const ebn_config& config) -> Result<bpf_object*> {                                            \
    std::size_t size = 0;                                                                          \
    const void* bytes = name::elf_bytes(&size);                                                    \
    return open_object<struct name::name##__rodata>(bytes, size, #name, config);                   \
  }

constexpr ProgramRow kPrograms[] = {
    {"tc_from_container", Hook::tc_ingress, "5.11", EBN_SKELETON(tc_from_container)},
    {"tc_to_container", Hook::tc_egress, "5.10", EBN_SKELETON(tc_to_container)},
    {"tc_from_uplink", Hook::tc_ingress, "5.11", EBN_SKELETON(tc_from_uplink)},
    {"tc_to_uplink", Hook::tc_egress, "5.11", EBN_SKELETON(tc_to_uplink)},
    {"tc_on_loopback", Hook::tc_egress, "5.10", EBN_SKELETON(tc_on_loopback)},
    {"cgroup_bind4", Hook::cgroup, "5.18", EBN_SKELETON(cgroup_bind4), BPF_CGROUP_INET4_BIND},
    {"cgroup_bind6", Hook::cgroup, "5.18", EBN_SKELETON(cgroup_bind6), BPF_CGROUP_INET6_BIND},
    {"cgroup_connect4", Hook::cgroup, "5.7", EBN_SKELETON(cgroup_connect4),
     BPF_CGROUP_INET4_CONNECT},
    {"cgroup_connect6", Hook::cgroup, "5.7", EBN_SKELETON(cgroup_connect6),
     BPF_CGROUP_INET6_CONNECT},
    {"cgroup_sendmsg4", Hook::cgroup, "5.7", EBN_SKELETON(cgroup_sendmsg4),
     BPF_CGROUP_UDP4_SENDMSG},
    {"cgroup_sendmsg6", Hook::cgroup, "5.7", EBN_SKELETON(cgroup_sendmsg6),
     BPF_CGROUP_UDP6_SENDMSG},
    {"cgroup_recvmsg4", Hook::cgroup, "5.7", EBN_SKELETON(cgroup_recvmsg4),
     BPF_CGROUP_UDP4_RECVMSG},
    {"cgroup_recvmsg6", Hook::cgroup, "5.7", EBN_SKELETON(cgroup_recvmsg6),
     BPF_CGROUP_UDP6_RECVMSG},
    {"cgroup_getpeername4", Hook::cgroup, "5.8", EBN_SKELETON(cgroup_getpeername4),
     BPF_CGROUP_INET4_GETPEERNAME},
    {"cgroup_getpeername6", Hook::cgroup, "5.8", EBN_SKELETON(cgroup_getpeername6),
     BPF_CGROUP_INET6_GETPEERNAME},
    {"start_clock", Hook::none, "5.17", EBN_SKELETON(start_clock)},
};
#undef EBN_SKELETON

} // namespace

std::span<const ProgramRow> program_table() {
  return kPrograms;
}

} // namespace ebpfnet::loader
