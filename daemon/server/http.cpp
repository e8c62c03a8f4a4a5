// Replies in the native API's form.
#include "daemon/server/http.hpp"

#include "daemon/api/error_json.hpp"

namespace ebpfnet::server {

int http_status(ErrorCode code) {
  switch (code) {
  case ErrorCode::invalid:
  case ErrorCode::not_executable:
  case ErrorCode::no_command:
    return 400;
  case ErrorCode::forbidden:
    return 403;
  case ErrorCode::not_found:
    return 404;
  case ErrorCode::conflict:
    return 409;
  case ErrorCode::unsupported:
    return 501;
  case ErrorCode::exhausted:
  case ErrorCode::unavailable:
    return 503;
  case ErrorCode::internal:
    break;
  }
  return 500;
}

Reply json_reply(const nlohmann::json& body, int status) {
  Reply reply;
  reply.status = status;
  // Names may come from the file system: bytes that are no UTF-8 are replaced, not thrown over.
  reply.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return reply;
}

Reply error_reply(const Error& error, int status) {
  return json_reply(api::error_to_json(error), status != 0 ? status : http_status(error.code));
}

} // namespace ebpfnet::server
