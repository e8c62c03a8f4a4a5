#include "daemon/server/metrics/routes.hpp"

namespace ebpfnet::server {

Router metrics_routes(std::function<Result<std::string>()> text) {
  const Handler scrape = [text = std::move(text)](const Request&, Stream&) {
    Result<std::string> made = text();
    if (!made) {
      return error_reply(made.error());
    }
    Reply reply;
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply.body = std::move(*made);
    return reply;
  };
  Router router;
  router.add("GET", "/metrics", scrape);
  router.add("HEAD", "/metrics", scrape);
  return router;
}

} // namespace ebpfnet::server
