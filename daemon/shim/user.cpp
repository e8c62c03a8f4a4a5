#include "daemon/shim/user.hpp"

#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <limits>
#include <optional>

namespace ebpfnet::shim {
namespace {

// A whole decimal number up to 2^31 - 1, Docker's limit for ids.
std::optional<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() ||
      value > static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max())) {
    return std::nullopt;
  }
  return value;
}

Result<gid_t> resolve_group(const std::string& name) {
  if (const ::group* entry = ::getgrnam(name.c_str())) {
    return entry->gr_gid;
  }
  if (const auto gid = parse_id(name)) {
    return *gid;
  }
  return fail(ErrorCode::invalid, "group '{}' does not exist", name);
}

std::vector<gid_t> groups_of(const std::string& name, gid_t gid) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (::getgrouplist(name.c_str(), gid, groups.data(), &count) < 0) {
    if (count <= static_cast<int>(groups.size())) {
      count = static_cast<int>(groups.size()) * 2;
    }
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

} // namespace

Result<UserSpec> UserSpec::from(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::invalid, "the user contains a NUL byte");
  }
  const auto colon = text.find(':');
  UserSpec spec{std::string(text.substr(0, colon)), {}};
  if (colon == std::string_view::npos) {
    return spec;
  }
  spec.group = text.substr(colon + 1);
  if (spec.group.empty() || spec.group.find(':') != std::string::npos) {
    return fail(ErrorCode::invalid,
                "user '{}': NAME or UID, then optionally :GROUP or :GID, expected", text);
  }
  return spec;
}

Result<Identity> resolve_user(const UserSpec& spec) {
  Identity identity;
  const auto uid = spec.user.empty() ? std::optional<std::uint32_t>(0) : parse_id(spec.user);
  const ::passwd* entry = spec.user.empty() ? nullptr : ::getpwnam(spec.user.c_str());
  if (entry == nullptr && uid) {
    entry = ::getpwuid(*uid);
  }
  if (entry != nullptr) {
    identity.uid = entry->pw_uid;
    identity.gid = entry->pw_gid;
    identity.home = entry->pw_dir;
  } else if (uid) {
    identity.uid = *uid;
  } else {
    return fail(ErrorCode::invalid, "user '{}' does not exist", spec.user);
  }
  if (!spec.group.empty()) {
    identity.gid = TRY(resolve_group(spec.group));
  } else if (entry != nullptr) {
    identity.groups = groups_of(entry->pw_name, identity.gid);
  }
  return identity;
}

} // namespace ebpfnet::shim
