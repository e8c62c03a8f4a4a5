// Network namespaces: created and pinned as a file, opened, removed, entered. The only place of the
// project that enters one, and always on a thread that dies afterwards, so that no other thread can
// be left in a container.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::netlink {

// A new namespace with `lo` up, bind-mounted on `file`, which is created and must not exist.
// Nothing stays on failure.
Result<UniqueFd> create_netns(const std::filesystem::path& file);

// Bind-mounts somebody else's namespace on `file`, which is created; it lives on there when its
// maker lets go of it. Errors: not_found, invalid when `source` is not a network namespace.
Result<void> adopt_netns(const std::filesystem::path& source, const std::filesystem::path& file);

// Unmounts and deletes; success also when there is none. Processes inside keep the namespace alive.
Result<void> remove_netns(const std::filesystem::path& file);

// Fails when the file is missing or is no network namespace (its mount is gone: after a reboot,
// say).
Result<UniqueFd> open_netns(const std::filesystem::path& file);

// The number that BPF programs see in bpf_get_netns_cookie; unique until reboot. Kernel 5.14.
Result<std::uint64_t> netns_cookie(int netns_fd);

// Whether mounts made under `path` are seen by other mount namespaces: the mount that holds it is a
// shared one.
Result<bool> is_shared_mount(const std::filesystem::path& path);
// The same for the text of a mountinfo file (proc_pid_mountinfo(5)); false when `mount_id` is not
// in it.
bool mount_is_shared(std::string_view mountinfo, std::uint64_t mount_id);

// Runs `fn` on a thread of its own inside the namespace, waits for it, and passes an exception of
// it on.
Result<void> run_in_netns(int netns_fd, const std::function<void()>& fn);

// The same for a function that returns Result<T>: in_netns(fd, [] { return Socket::open(); }).
template <class F> auto in_netns(int netns_fd, F fn) -> decltype(fn()) {
  std::optional<decltype(fn())> result;
  TRY_VOID(run_in_netns(netns_fd, [&] { result.emplace(fn()); }));
  return std::move(*result);
}

// A socket that belongs to the namespace and works from any thread. SOCK_CLOEXEC is added.
Result<UniqueFd> open_socket_in(int netns_fd, int domain, int type, int protocol);

} // namespace ebpfnet::netlink
