#include "daemon/shim/capabilities.hpp"

#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cctype>
#include <memory>

namespace ebpfnet::shim {
namespace {

struct CapDeleter {
  void operator()(cap_t caps) const noexcept { cap_free(caps); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, CapDeleter>;

constexpr CapabilityMask bit(int capability) {
  return CapabilityMask{1} << capability;
}

// Docker: daemon/pkg/oci/caps/defaults.go
constexpr CapabilityMask kDefault =
    bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FSETID) | bit(CAP_FOWNER) | bit(CAP_MKNOD) |
    bit(CAP_NET_RAW) | bit(CAP_SETGID) | bit(CAP_SETUID) | bit(CAP_SETFCAP) | bit(CAP_SETPCAP) |
    bit(CAP_NET_BIND_SERVICE) | bit(CAP_SYS_CHROOT) | bit(CAP_KILL) | bit(CAP_AUDIT_WRITE);

CapabilityMask all_capabilities() {
  CapabilityMask mask = 0;
  for (int capability = 0; capability < cap_max_bits(); ++capability) {
    mask |= bit(capability);
  }
  return mask;
}

Result<CapabilityMask> parse_capability(const std::string& name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (lower == "all") {
    return all_capabilities();
  }
  if (!lower.starts_with("cap_")) {
    lower.insert(0, "cap_");
  }
  cap_value_t value = 0;
  // libcap stops reading at a blank.
  const bool blank = lower.find_first_of(" \t\r\n") != std::string::npos;
  if (blank || cap_from_name(lower.c_str(), &value) != 0 || value >= cap_max_bits()) {
    Failure failure = fail(ErrorCode::invalid, "unknown capability '{}'", name);
    failure.error().hint = "capabilities(7) lists them, for example NET_ADMIN";
    return failure;
  }
  return bit(value);
}

} // namespace

Result<CapabilityMask> capability_set(const std::vector<std::string>& add, bool privileged) {
  CapabilityMask mask = privileged ? all_capabilities() : kDefault;
  for (const std::string& name : add) {
    mask |= TRY(parse_capability(name));
  }
  return mask;
}

Result<void> limit_bounding_set(CapabilityMask mask) {
  for (int capability = 0; capability < cap_max_bits(); ++capability) {
    if ((mask & bit(capability)) == 0 && cap_get_bound(capability) > 0 &&
        cap_drop_bound(capability) != 0) {
      return fail_errno(errno, "drop capability {} from the bounding set", capability);
    }
  }
  return {};
}

Result<void> limit_capabilities(CapabilityMask mask) {
  const Caps now(cap_get_proc());
  const Caps next(cap_init());
  if (!now || !next) {
    return fail_errno(errno, "read the capabilities");
  }
  for (cap_value_t capability = 0; capability < cap_max_bits(); ++capability) {
    cap_flag_value_t permitted = CAP_CLEAR;
    cap_get_flag(now.get(), capability, CAP_PERMITTED, &permitted);
    if ((mask & bit(capability)) != 0 && permitted == CAP_SET) {
      cap_set_flag(next.get(), CAP_PERMITTED, 1, &capability, CAP_SET);
      cap_set_flag(next.get(), CAP_EFFECTIVE, 1, &capability, CAP_SET);
    }
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return fail_errno(errno, "clear the ambient capabilities");
  }
  if (cap_set_proc(next.get()) != 0) {
    return fail_errno(errno, "set the capabilities");
  }
  return {};
}

} // namespace ebpfnet::shim
