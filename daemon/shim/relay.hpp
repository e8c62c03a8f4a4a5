// Carries bytes between the master side of a command's terminal, the terminal of the client and the
// log. A client that goes away ends only its part; the output goes on into the log. Never blocks on
// a slow client: the command waits, as on any terminal that does not read.
#pragma once

#include <poll.h>

#include <string>
#include <vector>

#include "daemon/shim/attach.hpp"
#include "daemon/shim/command.hpp"

namespace ebpfnet::shim {

// A new pseudo-terminal: the master side, and the slave side three times as stdio for the command.
struct Terminal {
  UniqueFd master;
  Stdio stdio;
};
Result<Terminal> open_terminal(WindowSize size);

class TerminalRelay {
public:
  // `log` may be none. `in` none: the client's keyboard is not read (no -i).
  TerminalRelay(UniqueFd master, UniqueFd log, UniqueFd in, UniqueFd out);

  // Appends what poll should look at, then takes the same entries back (from `first` on).
  void add_polls(std::vector<pollfd>& polled);
  void handle(const std::vector<pollfd>& polled, std::size_t first);
  void resize(WindowSize size);
  void drop_client();
  // What the command wrote before it ended goes out; a client that does not read gets a second.
  void drain();

private:
  void read_output();
  void read_input();
  void write_out(UniqueFd& fd, std::string& buffer);

  UniqueFd master_, log_, in_, out_;
  bool output_ended_ = false;
  std::string to_client_, to_command_;
};

} // namespace ebpfnet::shim
