// The vocabulary of every protocol that the daemon speaks over HTTP: request, reply, stream,
// handler. Plain types, so that routes and their tests never see the HTTP library.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet::server {

// Who stands at the other end of the unix socket, as the kernel says (SO_PEERCRED).
struct Peer {
  pid_t pid = -1;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};

struct Request {
  std::string method;
  std::map<std::string, std::string> path;  // values of the pattern's {names}, percent-decoded
  std::map<std::string, std::string> query; // percent-decoded
  std::string body;
  Peer peer;
  std::function<bool()>
      alive; // is the client still there? Cheap, from any thread while the handler runs.
};

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow; // methods, only with 405
};

// A reply of unknown length. The first write sends status 200 and the header; from then on the
// handler's Reply counts only for whether it succeeded: after an error status the connection is
// cut, so that the client sees a broken stream.
class Stream {
public:
  virtual ~Stream() = default;
  // Blocks until the kernel has taken `text`. An empty text only asks. False: the client is gone.
  virtual bool write(std::string_view text) = 0;
};

// Runs on a thread of its own and may block.
using Handler = std::function<Reply(const Request&, Stream&)>;

int http_status(ErrorCode code);
Reply json_reply(const nlohmann::json& body, int status = 200);
// {"message", "hint", "code"} with the status of the error's code, or with `status` where HTTP
// knows better (405, 413).
Reply error_reply(const Error& error, int status = 0);

} // namespace ebpfnet::server
