// The client on blocking Boost.Beast; the only file of the command line that knows it.
#include "cli/client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>

#include "daemon/api/error_json.hpp"

namespace ebpfnet::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::local::stream_protocol;
constexpr std::string_view kScheme = "unix://";
constexpr std::size_t kMaxSocketPath = 107;
constexpr std::uint64_t kMaxReply = 256 * 1024 * 1024; // bytes; a listing of very many objects

http::request<http::string_body> request_of(std::string_view method, const std::string& target,
                                            const nlohmann::json& body) {
  http::request<http::string_body> request;
  request.version(11);
  request.method_string({method.data(), method.size()});
  request.target(target);
  request.set(http::field::host, "ebpfnet");
  request.keep_alive(false);
  if (!body.is_null()) {
    request.set(http::field::content_type, "application/json");
    request.body() = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  request.prepare_payload();
  return request;
}

// The error that a reply with status >= 400 stands for.
Error error_of(unsigned status, const std::string& body) {
  nlohmann::json json = nlohmann::json::parse(body, nullptr, false);
  if (std::optional<Error> error = api::error_from_json(json)) {
    return std::move(*error);
  }
  return {ErrorCode::internal, 0, fmt::format("the daemon answered with HTTP status {}", status),
          "is the socket ebpfnetd's own?"};
}

std::string hint_for(int sys_errno) {
  if (sys_errno == EACCES || sys_errno == EPERM) {
    return "become root or a member of group ebpfnet";
  }
  return "is ebpfnetd running? --host or EBPFNET_HOST name its socket";
}

} // namespace

std::string percent_encode(std::string_view text) {
  std::string out;
  for (unsigned char c : text) {
    if (std::isalnum(c) != 0 ||
        std::string_view("-._~").find(static_cast<char>(c)) != std::string_view::npos) {
      out.push_back(static_cast<char>(c));
    } else {
      out += fmt::format("%{:02X}", c);
    }
  }
  return out;
}

std::string path_of(std::string_view noun, std::string_view ref, std::string_view verb) {
  std::string path = fmt::format("/v1/{}/{}", noun, percent_encode(ref));
  return verb.empty() ? path : fmt::format("{}/{}", path, verb);
}

std::string query_of(const std::map<std::string, std::string>& values) {
  std::string query;
  for (const auto& [name, value] : values) {
    if (!value.empty()) {
      query += fmt::format("{}{}={}", query.empty() ? '?' : '&', name, percent_encode(value));
    }
  }
  return query;
}

Result<Client> Client::from(std::string_view host) {
  std::string_view path =
      host.starts_with(kScheme) ? host.substr(kScheme.size()) : std::string_view();
  if (!path.starts_with('/') || path.size() > kMaxSocketPath) {
    return Failure(Error{ErrorCode::invalid, 0, fmt::format("'{}' is not a daemon address", host),
                         "write unix:///path/to/api.sock"});
  }
  return Client(std::string(path));
}

Failure Client::lost(int sys_errno, std::string_view what) {
  unreachable_ = true;
  return Failure(Error{ErrorCode::unavailable, sys_errno,
                       fmt::format("cannot reach the daemon at {}: {}", socket_, what),
                       hint_for(sys_errno)});
}

Result<nlohmann::json> Client::call(std::string_view method, const std::string& target,
                                    const nlohmann::json& body) {
  asio::io_context loop;
  stream_protocol::socket socket(loop);
  boost::system::error_code error;
  if (socket.connect(stream_protocol::endpoint(socket_), error); error) {
    return lost(error.value(), error.message());
  }
  // A refused request may break our writing; the reply says why, so it is read in any case.
  http::write(socket, request_of(method, target, body), error);
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxReply);
  if (http::read(socket, buffer, parser, error); error) {
    return lost(0, "it closed the connection before it answered");
  }
  auto& reply = parser.get();
  if (reply.result_int() >= 400) {
    return Failure(error_of(reply.result_int(), reply.body()));
  }
  nlohmann::json json = nlohmann::json::parse(reply.body(), nullptr, false);
  if (json.is_discarded()) {
    return fail(ErrorCode::internal, "the daemon's answer to {} {} is not JSON", method, target);
  }
  return json;
}

Result<void> Client::stream(const std::string& target,
                            const std::function<void(std::string_view)>& sink) {
  asio::io_context loop;
  stream_protocol::socket socket(loop);
  boost::system::error_code error;
  if (socket.connect(stream_protocol::endpoint(socket_), error); error) {
    return lost(error.value(), error.message());
  }
  http::write(socket, request_of("GET", target, nullptr), error);
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(boost::none);
  if (http::read_header(socket, buffer, parser, error); error) {
    return lost(0, "it closed the connection before it answered");
  }
  std::string& body = parser.get().body();
  if (parser.get().result_int() >= 400) {
    http::read(socket, buffer, parser, error);
    return Failure(error_of(parser.get().result_int(), body));
  }
  while (!parser.is_done()) {
    http::read_some(socket, buffer, parser, error);
    if (error) {
      return lost(0, "the stream broke before its end");
    }
    sink(body);
    body.clear();
  }
  return {};
}

} // namespace ebpfnet::cli
