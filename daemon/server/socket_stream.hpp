// A streamed HTTP reply that a worker thread writes straight to the connection while the event loop
// leaves it alone: a slow reader holds up this one thread and nothing else.
#pragma once

#include <atomic>

#include "daemon/server/http.hpp"

namespace ebpfnet::server {

// Is the other end of a unix socket still open? Any thread; a client that only stopped sending is
// still there.
bool peer_is_there(int fd);

class SocketStream : public Stream {
public:
  // `chunked`: HTTP/1.1; otherwise the end of the connection is the end of the text. `fd` must stay
  // open.
  SocketStream(int fd, bool chunked, const std::atomic<bool>& stopping)
      : fd_(fd), chunked_(chunked), stopping_(stopping) {}

  bool write(std::string_view text) override;
  // Says that the text is complete. Without it the client sees a cut stream.
  bool finish();
  bool started() const { return started_; }

private:
  bool start();
  bool send_all(std::string_view bytes);
  bool wait_until_writable();

  const int fd_;
  const bool chunked_;
  const std::atomic<bool>& stopping_;
  bool started_ = false;
  bool gone_ = false;
};

} // namespace ebpfnet::server
