#include "loader/schema.hpp"

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

fs::path root_of(const fs::path& bpffs, unsigned version) {
  return bpffs / fmt::format("v{}", version);
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

Result<void> migrate(const fs::path& bpffs, unsigned from, unsigned current,
                     std::span<const Migration> migrations) {
  for (unsigned version = from; version < current; ++version) {
    const Migration* step = nullptr;
    for (const Migration& row : migrations) {
      step = row.from == version ? &row : step;
    }
    if (step == nullptr) {
      return Failure(Error{
          ErrorCode::unsupported, 0,
          fmt::format(
              "the pinned maps have schema version {} and this build has no way from {} to {}",
              from, version, version + 1),
          "end the old data plane with 'ebpfnetd --purge'"});
    }
    TRY_VOID(make_root(root_of(bpffs, version + 1)));
    TRY_VOID(step->run(root_of(bpffs, version), root_of(bpffs, version + 1)));
  }
  return {};
}

} // namespace

Result<fs::path> prepare_schema(const fs::path& bpffs, unsigned current,
                                std::span<const Migration> migrations) {
  const std::set<unsigned> versions = TRY(pinned_versions(bpffs));
  if (!versions.empty() && *versions.rbegin() > current) {
    return Failure(Error{
        ErrorCode::unsupported, 0,
        fmt::format("the pinned maps have schema version {}, this build knows {}",
                    *versions.rbegin(), current),
        "run the newer ebpfnetd that made them, or end that data plane with 'ebpfnetd --purge'"});
  }
  if (!versions.empty() && !versions.contains(current)) {
    TRY_VOID(migrate(bpffs, *versions.rbegin(), current, migrations));
  }
  TRY_VOID(make_root(root_of(bpffs, current)));
  return root_of(bpffs, current);
}

} // namespace ebpfnet::loader
