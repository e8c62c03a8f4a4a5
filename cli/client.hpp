// Talks to the daemon: HTTP/1.1 on its unix socket, one connection per request, blocking. The HTTP
// library stays behind this header.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet::cli {

// Escapes everything but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);
// "/v1/networks/{ref}" from pieces that people typed: path_of("networks", "a/b", "connect").
std::string path_of(std::string_view noun, std::string_view ref, std::string_view verb = {});
// "?a=1&b=2", or nothing; empty values are left out.
std::string query_of(const std::map<std::string, std::string>& values);

class Client {
public:
  // `host`: "unix:///path". Connects at the first request only.
  static Result<Client> from(std::string_view host);

  // Sends one request and returns the JSON reply. The daemon's refusals come back as the errors
  // that they are there.
  Result<nlohmann::json> call(std::string_view method, const std::string& target,
                              const nlohmann::json& body = nullptr);
  Result<nlohmann::json> get(const std::string& target) { return call("GET", target); }
  Result<nlohmann::json> post(const std::string& target, const nlohmann::json& body) {
    return call("POST", target, body);
  }
  Result<nlohmann::json> remove(const std::string& target) { return call("DELETE", target); }
  // Hands a reply of unknown length to `sink` as it comes. An error also when the stream breaks
  // before its end.
  Result<void> stream(const std::string& target, const std::function<void(std::string_view)>& sink);

  // Whether a request failed because there was no daemon, or none any more, to answer it.
  bool unreachable() const { return unreachable_; }
  const std::string& socket() const { return socket_; }

private:
  explicit Client(std::string socket) : socket_(std::move(socket)) {}
  Failure lost(int sys_errno, std::string_view what);

  std::string socket_;
  bool unreachable_ = false;
};

} // namespace ebpfnet::cli
