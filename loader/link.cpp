#include "loader/link.hpp"

#include <bpf/bpf.h>
#include <unistd.h>

#include "maps/types/unique_fd.hpp"

namespace ebpfnet::loader {
namespace {

// Swaps the program of the link that is pinned there. False: there is no usable link.
bool replace_pinned(int program, const std::filesystem::path& pin) {
  const UniqueFd link(::bpf_obj_get(pin.c_str()));
  return link && ::bpf_link_update(link.get(), program, nullptr) == 0;
}

} // namespace

Result<void> attach_link(int program, int target, int attach_type,
                         const std::filesystem::path& pin) {
  if (replace_pinned(program, pin)) {
    return {};
  }
  TRY_VOID(detach_link(pin));
  const UniqueFd link(
      ::bpf_link_create(program, target, static_cast<bpf_attach_type>(attach_type), nullptr));
  if (!link) {
    return fail_errno(errno, "create the link");
  }
  if (::bpf_obj_pin(link.get(), pin.c_str()) != 0) {
    return fail_errno(errno, "pin the link at '{}'", pin.string());
  }
  return {};
}

std::optional<std::uint32_t> link_program(const std::filesystem::path& pin) {
  const UniqueFd link(::bpf_obj_get(pin.c_str()));
  bpf_link_info info{};
  __u32 length = sizeof info;
  if (!link || ::bpf_obj_get_info_by_fd(link.get(), &info, &length) != 0) {
    return std::nullopt;
  }
  return info.prog_id;
}

Result<void> detach_link(const std::filesystem::path& pin) {
  // The kernel drops a removed pin some time later; the program shall not run until then.
  if (const UniqueFd link(::bpf_obj_get(pin.c_str())); link) {
    ::bpf_link_detach(link.get());
  }
  if (::unlink(pin.c_str()) != 0 && errno != ENOENT) {
    return fail_errno(errno, "remove the pin '{}'", pin.string());
  }
  return {};
}

} // namespace ebpfnet::loader
