// One rtnetlink conversation with the kernel: a request goes out, its acknowledgement or its dump
// comes back. Kernel errors keep their errno and carry the kernel's own explanation. A Socket
// serves the namespace in which it was opened, from whatever thread; it is not for use by two
// threads at once.
#pragma once

#include <linux/netlink.h>
#include <netlink/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "maps/types/error.hpp"

namespace ebpfnet::netlink {

class Request;

class Socket {
public:
  // In the calling thread's network namespace.
  static Result<Socket> open();
  static Result<Socket> open_in(int netns_fd);
  // NETLINK_SOCK_DIAG or another protocol than NETLINK_ROUTE.
  static Result<Socket> open_protocol(int protocol);

  int fd() const { return nl_socket_get_fd(socket_.get()); }

  // Sends, and waits for the kernel's yes or no.
  Result<void> transact(Request& request);

  // Sends a request for one object and hands its message to `read`. Errors: as the kernel gives
  // them (ENODEV...).
  Result<void> fetch(Request& request, const std::function<void(const nlmsghdr&)>& read);

  // Dumps a table; `parse` gives an optional<T> per message, none to skip it. Starts again when the
  // table changed under the dump, so that the list is consistent. Errors: EAGAIN when it never
  // stands still.
  template <class T, class Parse> Result<std::vector<T>> list(Request& request, Parse parse) {
    for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
      std::vector<T> items;
      const bool consistent = TRY(dump_once(request, [&](const nlmsghdr& message) {
        if (std::optional<T> item = parse(message)) {
          items.push_back(std::move(*item));
        }
      }));
      if (consistent) {
        return items;
      }
    }
    return Failure(table_kept_changing());
  }

private:
  struct Free {
    void operator()(nl_sock* socket) const noexcept { nl_socket_free(socket); }
  };
  using Handle = std::unique_ptr<nl_sock, Free>;
  using Reader = std::function<void(const nlmsghdr&)>;
  static constexpr int kDumpAttempts = 50;

  explicit Socket(Handle socket) : socket_(std::move(socket)) {}
  Result<bool> dump_once(Request& request, const Reader& read);
  Result<void> send(Request& request, int extra_flags);
  static Error table_kept_changing();
  Result<bool> receive_until_done(std::uint32_t sequence, const Reader& read);

  Handle socket_;
};

// The errors of this folder: errno chooses the code (EEXIST: conflict, ENODEV: not_found, EPERM:
// forbidden, ...) and `detail` is the kernel's extended explanation, which may be empty.
Error kernel_error(int sys_errno, std::string_view detail);

// Adds the phrase that says what was being done: doing(socket.transact(r), "create bridge '{}'",
// name).
template <class T, class... Args>
Result<T> doing(Result<T> result, fmt::format_string<Args...> format, Args&&... args) {
  if (!result) {
    return Failure(
        std::move(result).error().wrap(fmt::format(format, std::forward<Args>(args)...)));
  }
  return result;
}

// For removals: success also when the kernel says that the thing is not there.
template <class... Errnos> Result<void> unless_absent(Result<void> result, Errnos... absent) {
  if (!result && ((result.error().sys_errno == absent) || ...)) {
    return {};
  }
  return result;
}

} // namespace ebpfnet::netlink
