// Sending and receiving for Socket. Messages are built by libnl; replies are read here and not by
// nl_recvmsgs, which folds errno values into its own codes and drops the kernel's explanation.
#include "daemon/netlink/socket.hpp"

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "daemon/netlink/message.hpp"
#include "daemon/netlink/netns.hpp"

namespace ebpfnet::netlink {

namespace {

constexpr int kReplyBufferBytes = 1 << 20;
// The kernel builds dump messages of at most 32 KiB.
constexpr std::size_t kDatagramBytes = 64 * 1024;

ErrorCode code_of(int sys_errno) {
  switch (sys_errno) {
  case EEXIST:
  case EADDRINUSE:
    return ErrorCode::conflict;
  case ENODEV:
  case ENOENT:
  case ESRCH:
    return ErrorCode::not_found;
  case EPERM:
  case EACCES:
    return ErrorCode::forbidden;
  case EOPNOTSUPP:
  case EPROTONOSUPPORT:
  case EAFNOSUPPORT:
    return ErrorCode::unsupported;
  case ENOSPC:
  case ENFILE:
    return ErrorCode::exhausted;
  default:
    return ErrorCode::internal;
  }
}

// The text of NLMSGERR_ATTR_MSG: after the error and the echoed request, which is only its header
// when capped.
std::string extended_text(const nlmsghdr& message, const nlmsgerr& error) {
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
    return {};
  }
  std::size_t skip = sizeof(nlmsgerr);
  if ((message.nlmsg_flags & NLM_F_CAPPED) == 0 && error.msg.nlmsg_len >= NLMSG_HDRLEN) {
    skip += NLMSG_ALIGN(error.msg.nlmsg_len) - NLMSG_HDRLEN;
  }
  if (skip > static_cast<std::size_t>(nlmsg_datalen(&message))) {
    return {};
  }
  return Attributes<NLMSGERR_ATTR_MAX>(message, skip).text(NLMSGERR_ATTR_MSG);
}

// What an NLMSG_ERROR message says; 0 is the acknowledgement.
Result<void> outcome_of(const nlmsghdr& message) {
  if (nlmsg_datalen(&message) < static_cast<int>(sizeof(nlmsgerr))) {
    return Failure(kernel_error(EBADMSG, "the kernel's error message is too short"));
  }
  const auto& error = *static_cast<const nlmsgerr*>(nlmsg_data(&message));
  if (error.error == 0) {
    return {};
  }
  return Failure(kernel_error(-error.error, extended_text(message, error)));
}

// Only the kernel's datagrams count: any process may send to a netlink port. Returns the length.
Result<int> receive_from_kernel(int fd, std::vector<char>& buffer) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_bytes = sizeof(sender);
    const ssize_t got = ::recvfrom(fd, buffer.data(), buffer.size(), MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_bytes);
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return Failure(kernel_error(errno, "receive the kernel's reply"));
    }
    if (static_cast<std::size_t>(got) > buffer.size()) {
      return Failure(kernel_error(EMSGSIZE, fmt::format("the kernel sent {} bytes at once", got)));
    }
    if (sender.nl_pid == 0) {
      return static_cast<int>(got);
    }
  }
}

} // namespace

Error kernel_error(int sys_errno, std::string_view detail) {
  Error error{code_of(sys_errno), sys_errno, std::strerror(sys_errno), {}};
  if (!detail.empty()) {
    error.message += fmt::format(" ({})", detail);
  }
  if (sys_errno == EPERM) {
    error.hint = "this needs root or CAP_NET_ADMIN";
  }
  return error;
}

Result<Socket> Socket::open() {
  return open_protocol(NETLINK_ROUTE);
}

Result<Socket> Socket::open_in(int netns_fd) {
  return in_netns(netns_fd, [] { return Socket::open(); });
}

Result<Socket> Socket::open_protocol(int protocol) {
  Handle handle(nl_socket_alloc());
  if (!handle) {
    return fail_errno(ENOMEM, "open a netlink socket");
  }
  if (const int status = nl_connect(handle.get(), protocol); status < 0) {
    return fail(ErrorCode::internal, "open a netlink socket of protocol {}: {}", protocol,
                nl_geterror(status));
  }
  Socket socket(std::move(handle));
  const int on = 1;
  // Explanations and short error messages; both are older than every kernel that can run the rest.
  ::setsockopt(socket.fd(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  ::setsockopt(socket.fd(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  // Lists can be narrowed, and a filter that the kernel does not know is an error.
  ::setsockopt(socket.fd(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReplyBufferBytes,
               sizeof(kReplyBufferBytes));
  return socket;
}

Result<void> Socket::transact(Request& request) {
  TRY_VOID(send(request, NLM_F_ACK));
  TRY_VOID(receive_until_done(request.header()->nlmsg_seq, [](const nlmsghdr&) {}));
  return {};
}

Result<void> Socket::fetch(Request& request, const std::function<void(const nlmsghdr&)>& read) {
  TRY_VOID(send(request, NLM_F_ACK));
  TRY_VOID(receive_until_done(request.header()->nlmsg_seq, read));
  return {};
}

Result<bool> Socket::dump_once(Request& request, const Reader& read) {
  request.header()->nlmsg_seq = NL_AUTO_SEQ;
  TRY_VOID(send(request, NLM_F_DUMP));
  return receive_until_done(request.header()->nlmsg_seq, read);
}

Error Socket::table_kept_changing() {
  return kernel_error(EAGAIN, "the table changed each time while it was read");
}

Result<void> Socket::send(Request& request, int extra_flags) {
  if (!request.complete()) {
    return Failure(kernel_error(EMSGSIZE, "the netlink request does not fit its buffer"));
  }
  request.header()->nlmsg_flags |= static_cast<std::uint16_t>(extra_flags);
  nl_complete_msg(socket_.get(), request.message());
  const nlmsghdr* header = request.header();
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (::sendto(fd(), header, header->nlmsg_len, 0, reinterpret_cast<const sockaddr*>(&kernel),
                  sizeof(kernel)) < 0) {
    if (errno != EINTR) {
      return Failure(kernel_error(errno, "send a netlink request"));
    }
  }
  return {};
}

// Reads up to the acknowledgement, error or end of dump of `sequence`; older replies are skipped.
// Returns false when the kernel says that the dump was interrupted by a change.
Result<bool> Socket::receive_until_done(std::uint32_t sequence, const Reader& read) {
  std::vector<char> buffer(kDatagramBytes);
  bool consistent = true;
  for (;;) {
    int left = TRY(receive_from_kernel(fd(), buffer));
    auto* message = reinterpret_cast<nlmsghdr*>(buffer.data());
    for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence) {
        continue;
      }
      consistent = consistent && (message->nlmsg_flags & NLM_F_DUMP_INTR) == 0;
      if (message->nlmsg_type == NLMSG_ERROR) {
        TRY_VOID(outcome_of(*message));
        return consistent;
      }
      if (message->nlmsg_type == NLMSG_DONE) {
        int status = 0;
        if (nlmsg_datalen(message) >= static_cast<int>(sizeof(status))) {
          std::memcpy(&status, nlmsg_data(message), sizeof(status));
        }
        if (status < 0) {
          return Failure(kernel_error(-status, {}));
        }
        return consistent;
      }
      if (message->nlmsg_type >= NLMSG_MIN_TYPE) {
        read(*message);
      }
    }
  }
}

} // namespace ebpfnet::netlink
