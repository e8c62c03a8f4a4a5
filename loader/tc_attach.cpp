#include "loader/tc_attach.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/link.hpp"

namespace ebpfnet::loader {
namespace {

// Our place among clsact filters: handle and priority of our own, so that nobody's filter is
// replaced.
constexpr std::uint32_t kHandle = 0xeb;
constexpr std::uint32_t kPriority = 0xeb01;

bpf_tc_attach_point attach_point(Hook hook) {
  return hook == Hook::tc_ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

} // namespace

Result<void> attach_tcx(int program, IfIndex device, Hook hook, const std::filesystem::path& pin) {
  const int type = hook == Hook::tc_ingress ? kTcxIngress : kTcxEgress;
  auto attached = attach_link(program, static_cast<int>(device.value), type, pin);
  if (!attached) {
    return Failure(
        std::move(attached).error().wrap(fmt::format("attach to interface {}", device.value)));
  }
  return {};
}

Result<void> ensure_clsact(IfIndex device) {
  LIBBPF_OPTS(bpf_tc_hook, tc_hook, .ifindex = static_cast<int>(device.value),
              .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  if (const int error = ::bpf_tc_hook_create(&tc_hook); error != 0 && error != -EEXIST) {
    return fail_errno(-error, "add clsact to interface {}", device.value);
  }
  return {};
}

Result<void> attach_clsact(int program, IfIndex device, Hook hook) {
  LIBBPF_OPTS(bpf_tc_hook, tc_hook, .ifindex = static_cast<int>(device.value),
              .attach_point = attach_point(hook));
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

Result<std::optional<std::uint32_t>> clsact_program(IfIndex device, Hook hook) {
  LIBBPF_OPTS(bpf_tc_hook, tc_hook, .ifindex = static_cast<int>(device.value),
              .attach_point = attach_point(hook));
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = kPriority);
  const int error = ::bpf_tc_query(&tc_hook, &options);
  if (error == -ENOENT || error == -ENODEV || error == -EINVAL) {
    return std::optional<std::uint32_t>();
  }
  if (error != 0) {
    return fail_errno(-error, "look for the program at interface {}", device.value);
  }
  return std::optional(options.prog_id);
}

} // namespace ebpfnet::loader
