// A server on a thread of the test, and a client that speaks raw bytes, so that tests can also say
// what is wrong.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "daemon/server/http_server.hpp"
#include "maps/types/unique_fd.hpp"

// As text: to GoogleTest a JSON value is a container of containers, which compiles slowly and reads
// badly.
namespace nlohmann {
inline void PrintTo(const json& value, std::ostream* out) {
  *out << value.dump();
}
} // namespace nlohmann

namespace ebpfnet::server {

class TempDir {
public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "ebn-server-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

private:
  std::filesystem::path path_;
};

// Runs an HttpServer until the end of the scope, on a unix socket unless it is given a listener.
class TestServer {
public:
  explicit TestServer(Router router, Limits limits = {});
  TestServer(std::unique_ptr<Listener> listener, Router router, Options options);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  std::filesystem::path socket() const { return dir_ / "api.sock"; }
  // What was written before is seen by later requests, and what past requests wrote is seen from
  // here on. For requests that come from another process, which orders no threads of this one.
  void meet();

private:
  struct Running;
  std::unique_ptr<Listener> listen();

  TempDir dir_;
  std::unique_ptr<Running> running_;
};

struct RawReply {
  int status = 0; // 0: the connection ended before a whole header came
  std::string header;
  std::string body;
  bool complete = false; // the whole body came
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

class RawClient {
public:
  // Of a connected socket.
  explicit RawClient(UniqueFd fd) : fd_(std::move(fd)) {}
  explicit RawClient(const std::filesystem::path& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("connect " + path.native() + ": " + std::strerror(errno));
    }
  }

  // False when the server does not take it any more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void request(const std::string& method, const std::string& target, const std::string& body = "") {
    send(method + " " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  RawReply ask(const std::string& method, const std::string& target, const std::string& body = "") {
    request(method, target, body);
    return reply();
  }
  void close_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }

  RawReply reply();
  // Reads until `text` has come; false: the connection ended before.
  bool wait_for(std::string_view text) {
    while (buffer_.find(text) == std::string::npos) {
      if (!fill()) {
        return false;
      }
    }
    return true;
  }
  // Reads to the end of the connection; what came.
  std::string rest() {
    while (fill()) {
    }
    return std::exchange(buffer_, {});
  }

private:
  bool fill() {
    pollfd entry{fd_.get(), POLLIN, 0};
    if (::poll(&entry, 1, 30'000) <= 0) {
      ADD_FAILURE() << "the server sent nothing for 30 s";
      return false;
    }
    char piece[65536];
    ssize_t got = ::recv(fd_.get(), piece, sizeof(piece), 0);
    if (got > 0) {
      buffer_.append(piece, static_cast<std::size_t>(got));
    }
    return got > 0;
  }

  UniqueFd fd_;
  std::string buffer_;
};

inline RawReply RawClient::reply() {
  RawReply reply;
  if (!wait_for("\r\n\r\n")) {
    return reply;
  }
  std::size_t end = buffer_.find("\r\n\r\n") + 4;
  reply.header = buffer_.substr(0, end);
  buffer_.erase(0, end);
  reply.status = std::stoi(reply.header.substr(9, 3));
  std::size_t at = reply.header.find("Content-Length: ");
  std::size_t length = at == std::string::npos ? 0 : std::stoul(reply.header.substr(at + 16));
  while (buffer_.size() < length && fill()) {
  }
  reply.complete = buffer_.size() >= length;
  reply.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return reply;
}

} // namespace ebpfnet::server
