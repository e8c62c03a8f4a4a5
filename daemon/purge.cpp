#include "daemon/purge.hpp"

#include <spdlog/spdlog.h>
#include <sys/mount.h>
#include <unistd.h>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/network/reserved_ports.hpp"
#include "daemon/shim/cgroup.hpp"
#include "daemon/state/store.hpp"
#include "loader/data_plane.hpp"
#include "loader/tc_attach.hpp"

namespace ebpfnet {
namespace {

namespace fs = std::filesystem;

void keep_first(Result<void>& first, Result<void> next) {
  if (first && !next) {
    first = std::move(next);
  }
}

// The instance whose things are removed; empty (every instance's) when the state file does not
// tell.
std::string restore_host(const network::Options& options, Result<void>& first) {
  auto store = state::Store::open(options.state_dir);
  if (!store) {
    spdlog::warn("event=purge_without_state error={:?}", store.error().story());
    return {};
  }
  keep_first(first, network::apply_reserved_ports(*store, network::PortSet()));
  const auto settings = store->load("setting");
  for (const auto& row : settings ? *settings : std::vector<state::Record>()) {
    if (row.id == "instance") {
      return row.doc.value("id", "");
    }
  }
  return {};
}

Result<void> remove_devices(const std::string& instance) {
  auto socket = TRY(netlink::Socket::open());
  const std::string prefix = instance.empty() ? "ebpfnet:" : fmt::format("ebpfnet:{}:", instance);
  Result<void> first;
  std::vector<IfIndex> ours;
  for (const auto& link : TRY(netlink::list_links(socket))) {
    if (link.alias.starts_with(prefix)) {
      ours.push_back(link.index);
    } else {
      for (const auto hook : {loader::Hook::tc_ingress, loader::Hook::tc_egress}) {
        keep_first(first, loader::detach_clsact(link.index, hook));
      }
    }
  }
  keep_first(first, netlink::delete_links(socket, ours));
  return first;
}

Result<void> end_processes(const network::Options& options, const std::string& instance) {
  Result<void> first;
  std::error_code error;
  const std::string prefix = "ebpfnet-" + instance;
  for (const auto& entry : fs::directory_iterator(options.cgroup_root, error)) {
    if (entry.path().filename().string().starts_with(prefix)) {
      keep_first(first, shim::kill_cgroup(entry.path()));
    }
  }
  return first;
}

Result<void> remove_namespaces(const fs::path& directory) {
  Result<void> first;
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    files.push_back(entry.path());
  }
  for (const auto& file : files) {
    if (const auto netns = netlink::open_netns(file)) { // an adopted one lives on
      keep_first(first, netlink::in_netns(netns->get(), loader::DataPlane::detach_loopback));
    }
    keep_first(first, netlink::remove_netns(file));
  }
  ::umount2(directory.c_str(), MNT_DETACH); // ours, if it was not a shared mount already
  return first;
}

Result<void> remove_files(const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    fs::remove_all(entry.path(), error);
    if (error) {
      return fail_errno(error.value(), "remove '{}'", entry.path().string());
    }
  }
  return {};
}

} // namespace

Result<void> purge(const network::Options& options) {
  Result<void> first;
  const std::string instance = restore_host(options, first);
  keep_first(first, end_processes(options, instance));
  keep_first(first, loader::DataPlane::purge(options.bpffs));
  keep_first(first, remove_devices(instance));
  keep_first(first, remove_namespaces(options.run_dir / "netns"));
  ::rmdir(options.bpffs.c_str()); // if nobody else keeps anything there
  keep_first(first, remove_files(options.run_dir));
  keep_first(first, remove_files(options.state_dir));
  return first;
}

} // namespace ebpfnet
