#include "loader/schema.hpp"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace ebpfnet::loader {
namespace {

namespace fs = std::filesystem;

// The versions that have pins: directories named v<number>.
Result<std::set<unsigned>> pinned_versions(const fs::path& bpffs) {
  std::set<unsigned> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(bpffs, error)) {
    const std::string name = entry.path().filename();
    unsigned version = 0;
    const char* end = name.data() + name.size();
    if (name.starts_with('v') && std::from_chars(name.data() + 1, end, version).ptr == end) {
      out.insert(version);
    }
  }
  if (error) {
    return fail_errno(error.value(), "list '{}'", bpffs.string());
  }
  return out;
}

Result<void> make_root(const fs::path& root) {
  std::error_code error;
  fs::create_directories(root / "maps", error);
  if (!error) {
    fs::create_directories(root / "links", error);
  }
  if (error) {
    return fail_errno(error.value(), "create '{}'", root.string());
  }
  return {};
}

// The programs that are attached go on where they are; the links replace them one by one.
Result<void> move_links(const fs::path& old_root, const fs::path& root) {
  std::error_code error;
  if (fs::exists(old_root / "links")) {
    fs::rename(old_root / "links", root / "links", error);
  }
  if (error) {
    return fail_errno(error.value(), "move '{}'", (old_root / "links").string());
  }
  return {};
}

Result<void> share_map(const fs::path& from, const fs::path& to) {
  const UniqueFd map(::bpf_obj_get(from.c_str()));
  if (!map || ::bpf_obj_pin(map.get(), to.c_str()) != 0) {
    return fail_errno(errno, "pin the map of '{}' at '{}'", from.string(), to.string());
  }
  return {};
}

Result<void> share_maps(const fs::path& old_root, const fs::path& root,
                        std::span<const std::string_view> changed) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(old_root / "maps", error)) {
    const std::string name = entry.path().filename();
    if (std::ranges::find(changed, name) == changed.end() && !fs::exists(root / "maps" / name)) {
      TRY_VOID(share_map(entry.path(), root / "maps" / name));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_errno(error.value(), "list '{}'", (old_root / "maps").string());
  }
  return {};
}

} // namespace

Result<Schema> prepare_schema(const fs::path& bpffs, unsigned current,
                              std::span<const OldLayout> rows) {
  const std::set<unsigned> versions = TRY(pinned_versions(bpffs));
  if (!versions.empty() && *versions.rbegin() > current) {
    return Failure(Error{
        ErrorCode::unsupported, 0,
        fmt::format("the pinned maps have schema version {}, this build knows {}",
                    *versions.rbegin(), current),
        "run the newer ebpfnetd that made them, or end that data plane with 'ebpfnetd --purge'"});
  }
  Schema out{bpffs / fmt::format("v{}", current), nullptr, {}};
  const auto newest_old = std::ranges::find_if(versions.rbegin(), versions.rend(),
                                               [&](unsigned version) { return version < current; });
  if (newest_old != versions.rend()) {
    const auto row = std::ranges::find(rows, *newest_old, &OldLayout::version);
    if (row == rows.end()) {
      return Failure(Error{ErrorCode::unsupported, 0,
                           fmt::format("the pinned maps have schema version {} and this build "
                                       "cannot take them over to version {}",
                                       *newest_old, current),
                           "end the old data plane with 'ebpfnetd --purge'"});
    }
    out.old = &*row;
    out.old_root = bpffs / fmt::format("v{}", *newest_old);
  }
  TRY_VOID(make_root(out.root));
  if (out.old != nullptr) {
    TRY_VOID(move_links(out.old_root, out.root));
    TRY_VOID(share_maps(out.old_root, out.root, out.old->changed));
  }
  return out;
}

Result<void> finish_schema(const Schema& schema) {
  std::error_code error;
  fs::remove_all(schema.old_root, error);
  if (error) {
    return fail_errno(error.value(), "remove '{}'", schema.old_root.string());
  }
  spdlog::info("event=layout_taken_over from={} to={}", schema.old_root.filename().string(),
               schema.root.filename().string());
  return {};
}

} // namespace ebpfnet::loader
