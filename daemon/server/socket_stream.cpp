// Chunked transfer coding (RFC 9112 7.1) over a non-blocking socket.
#include "daemon/server/socket_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

namespace ebpfnet::server {
namespace {

constexpr int kStopCheckMs =
    200; // how long a blocked write goes on after the server has begun to stop

} // namespace

bool peer_is_there(int fd) {
  pollfd entry{fd, 0, 0}; // hang-up and error are always reported
  return ::poll(&entry, 1, 0) == 0;
}

bool SocketStream::write(std::string_view text) {
  if (gone_ || stopping_ || !peer_is_there(fd_)) {
    gone_ = true;
    return false;
  }
  if (!started_ && !start()) {
    return false;
  }
  if (text.empty()) {
    return true;
  }
  if (!chunked_) {
    return send_all(text);
  }
  return send_all(fmt::format("{:x}\r\n", text.size())) && send_all(text) && send_all("\r\n");
}

bool SocketStream::start() {
  started_ = true;
  return send_all(fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                              "{}Connection: close\r\n\r\n",
                              chunked_ ? "Transfer-Encoding: chunked\r\n" : ""));
}

bool SocketStream::finish() {
  return !gone_ && (!chunked_ || send_all("0\r\n\r\n"));
}

bool SocketStream::send_all(std::string_view bytes) {
  while (!bytes.empty() && !gone_) {
    ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      gone_ = !wait_until_writable();
    } else if (errno != EINTR) {
      gone_ = true;
    }
  }
  return !gone_;
}

bool SocketStream::wait_until_writable() {
  while (!stopping_) {
    pollfd entry{fd_, POLLOUT, 0};
    if (::poll(&entry, 1, kStopCheckMs) > 0) {
      return (entry.revents & (POLLHUP | POLLERR)) == 0;
    }
  }
  return false;
}

} // namespace ebpfnet::server
