// The protocol between a supervisor and the client that lends it a terminal, and the client's side
// of it. Messages are one SOCK_SEQPACKET datagram each on the socket named in api::AttachReply, in
// host byte order (both ends are on one machine). Client: stdio (with three fds) first, then signal
// and window_size. Supervisor: started or failed, then exited.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::shim {

struct WindowSize {
  std::uint16_t rows = 0; // 0 by 0: unknown, the terminal keeps its default
  std::uint16_t columns = 0;
  bool operator==(const WindowSize&) const = default;
};

enum class MessageType : std::uint32_t {
  stdio = 1,       // client: a = rows, b = columns; carries stdin, stdout, stderr
  signal = 2,      // client: a = signal number
  window_size = 3, // client: a = rows, b = columns
  started = 16,    // supervisor: a = pid
  failed = 17,     // supervisor: a = ErrorCode, b = errno, text = message, NUL, hint
  exited = 18,     // supervisor: a = exit code, 128 + n after signal n
};

struct Message {
  MessageType type{};
  std::int32_t a = 0;
  std::int32_t b = 0;
  std::string text;
  bool operator==(const Message&) const = default;
};

inline constexpr std::size_t kMaxMessageBytes = 8192;

// Wire form: version, type, a, b (four bytes each), then the text up to kMaxMessageBytes in all
// (longer is cut).
std::string encode(const Message& message);
// Refuses what is too short, of another version or of an unknown type.
Result<Message> decode(std::string_view bytes);

Message failed_message(const Error& error);
Error error_of(const Message& failed);

// One datagram with its fds. `send_message` never raises SIGPIPE; a gone peer is an error with
// errno EPIPE.
Result<void> send_message(int socket, const Message& message, const std::vector<int>& fds = {});
// Fds received are appended to `fds` (close-on-exec). A closed connection is
// ErrorCode::unavailable.
Result<Message> receive_message(int socket, std::vector<UniqueFd>& fds);

class AttachClient {
public:
  // Connects to a supervisor's socket; the path may be longer than sun_path. Errors: unavailable
  // when nobody listens.
  static Result<AttachClient> connect(const std::filesystem::path& socket);

  // Lends the three descriptors to the command. Must come first; the command starts when it
  // arrives.
  Result<void> send_stdio(int in, int out, int err, WindowSize size = {});
  Result<void> send_signal(int number);
  Result<void> send_window_size(WindowSize size);
  // The next message of the supervisor; blocks.
  Result<Message> next();

  struct WaitOptions {
    int signal_fd =
        -1; // a signalfd of the caller: what it reads is forwarded, SIGWINCH as a window size
    int terminal = -1; // where the window size is asked for; -1: SIGWINCH is dropped
    std::function<void(pid_t)> on_started;
  };
  // Until the command has ended: its exit code. A command that could not start is the supervisor's
  // error (no_command means exit code 127, not_executable 126, others 125); a supervisor that went
  // away is ErrorCode::unavailable.
  Result<int> wait(const WaitOptions& options);
  Result<int> wait() { return wait(WaitOptions{}); }

  int fd() const { return socket_.get(); }

private:
  explicit AttachClient(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<void> forward_signal(const WaitOptions& options);
  UniqueFd socket_;
};

// The size of a terminal, 0 by 0 when `fd` is none.
WindowSize window_size_of(int fd);

} // namespace ebpfnet::shim
