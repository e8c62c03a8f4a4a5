#include "loader/feature.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/utsname.h>

#include <vector>

#include "loader/tc_attach.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::loader {
namespace {

bool has_helper(bpf_func_id helper, bpf_prog_type program = BPF_PROG_TYPE_SCHED_CLS) {
  return ::libbpf_probe_bpf_helper(program, helper, nullptr) == 1;
}

// A link to an interface that does not exist: kernels with tcx say so (ENODEV), others do not know
// the attach type.
bool has_tcx() {
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  const UniqueFd program(
      ::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "ebn_probe", "GPL", code, 2, nullptr));
  if (!program) {
    return false;
  }
  constexpr int kNoSuchInterface = 0x7ffffffe;
  const UniqueFd link(::bpf_link_create(program.get(), kNoSuchInterface,
                                        static_cast<bpf_attach_type>(kTcxIngress), nullptr));
  return !link && errno == ENODEV;
}

} // namespace

Result<void> require(std::span<const Feature> rows) {
  for (const Feature& row : rows) {
    if (!row.present && row.instead.empty()) {
      return Failure(
          Error{ErrorCode::unsupported, 0,
                fmt::format("this kernel lacks {}, which is needed for {}", row.name, row.used_for),
                "ebpfnet needs Linux 6.1 or newer with BPF, and CAP_BPF and CAP_NET_ADMIN"});
    }
  }
  return {};
}

Result<Features> probe_features() {
  Features out;
  out.tcx = has_tcx();
  out.set_retval = has_helper(BPF_FUNC_set_retval, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
  out.rows = {
      {"bpf_redirect_peer (5.10)", has_helper(BPF_FUNC_redirect_peer),
       "the short cut into a sandbox", ""},
      {"bpf_redirect_neigh (5.10)", has_helper(BPF_FUNC_redirect_neigh), "the way out of the host",
       ""},
      {"bpf_timer (5.15)", has_helper(BPF_FUNC_timer_init), "the end of idle flows", ""},
      {"bpf_loop (5.17)", has_helper(BPF_FUNC_loop), "the end of idle flows", ""},
      {"tcx links (6.6)", out.tcx, "attaching beside other programs, atomic replacement",
       "clsact filters"},
      {"bpf_set_retval (5.18)", out.set_retval, "holding published ports against host processes",
       "host processes can bind published ports, and get no connections there"},
  };
  TRY_VOID(require(out.rows));
  return out;
}

std::string kernel_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

} // namespace ebpfnet::loader
