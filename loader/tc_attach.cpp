#include "loader/tc_attach.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "maps/types/unique_fd.hpp"

namespace ebpfnet::loader {
namespace {

// Our place among clsact filters: handle and priority of our own, so that nobody's filter is
// replaced.
constexpr std::uint32_t kHandle = 0xeb;
constexpr std::uint32_t kPriority = 0xeb01;

// Swaps the program of the link that is pinned there. False: there is no usable link.
bool replace_pinned(int program, const std::filesystem::path& pin) {
  const UniqueFd link(::bpf_obj_get(pin.c_str()));
  return link && ::bpf_link_update(link.get(), program, nullptr) == 0;
}

bpf_tc_attach_point attach_point(Hook hook) {
  return hook == Hook::tc_ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

} // namespace

Result<void> attach_tcx(int program, IfIndex device, Hook hook, const std::filesystem::path& pin) {
  if (replace_pinned(program, pin)) {
    return {};
  }
  TRY_VOID(detach_tcx(pin));
  const auto type =
      static_cast<bpf_attach_type>(hook == Hook::tc_ingress ? kTcxIngress : kTcxEgress);
  const UniqueFd link(::bpf_link_create(program, static_cast<int>(device.value), type, nullptr));
  if (!link) {
    return fail_errno(errno, "attach to interface {}", device.value);
  }
  if (::bpf_obj_pin(link.get(), pin.c_str()) != 0) {
    return fail_errno(errno, "pin the link at '{}'", pin.string());
  }
  return {};
}

Result<void> detach_tcx(const std::filesystem::path& pin) {
  if (::unlink(pin.c_str()) != 0 && errno != ENOENT) {
    return fail_errno(errno, "remove the pin '{}'", pin.string());
  }
  return {};
}

Result<void> attach_clsact(int program, IfIndex device, Hook hook) {
  LIBBPF_OPTS(bpf_tc_hook, tc_hook, .ifindex = static_cast<int>(device.value),
              .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  if (const int error = ::bpf_tc_hook_create(&tc_hook); error != 0 && error != -EEXIST) {
    return fail_errno(-error, "add clsact to interface {}", device.value);
  }
  tc_hook.attach_point = attach_point(hook);
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .flags = BPF_TC_F_REPLACE,
              .handle = kHandle, .priority = kPriority);
  if (const int error = ::bpf_tc_attach(&tc_hook, &options); error != 0) {
    return fail_errno(-error, "attach to interface {}", device.value);
  }
  return {};
}

Result<void> detach_clsact(IfIndex device, Hook hook) {
  LIBBPF_OPTS(bpf_tc_hook, tc_hook, .ifindex = static_cast<int>(device.value),
              .attach_point = attach_point(hook));
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = kPriority);
  if (const int error = ::bpf_tc_detach(&tc_hook, &options);
      error != 0 && error != -ENOENT && error != -ENODEV && error != -EINVAL) {
    return fail_errno(-error, "detach from interface {}", device.value);
  }
  return {};
}

} // namespace ebpfnet::loader
