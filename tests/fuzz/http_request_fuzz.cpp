// Requests of the native API: "METHOD TARGET" in the first line, the body behind it. Routing, the
// query, the filters and the reply; a backend that answers with what it was given stands behind it.
#include "daemon/server/native/routes.hpp"
#include "daemon/server/target.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::server {
namespace {

class Echo : public Backend {
public:
  Result<Json> network_create(const api::NetworkCreate& request) override {
    return tell(request.name);
  }
  Result<Json> network_list(const Filters& filters) override { return Json(filters); }
  Result<Json> network_inspect(const std::string& ref) override { return tell(ref); }
  Result<Json> network_remove(const std::string& ref) override { return tell(ref); }
  Result<Json> network_prune(const Filters& filters) override { return Json(filters); }
  Result<Json> network_connect(const std::string& ref,
                               const api::NetworkConnect& request) override {
    return tell(ref, request.sandbox);
  }
  Result<Json> network_disconnect(const std::string& ref,
                                  const api::NetworkDisconnect& request) override {
    return tell(ref, request.sandbox);
  }
  Result<Json> sandbox_create(const api::SandboxCreate& request) override {
    return tell(request.name);
  }
  Result<Json> sandbox_list(bool all, const Filters& filters) override {
    return Json{{"All", all}, {"Filters", filters}};
  }
  Result<Json> sandbox_inspect(const std::string& ref) override { return tell(ref); }
  Result<Json> sandbox_start(const std::string& ref, const api::SandboxStart&) override {
    return tell(ref);
  }
  Result<Json> sandbox_stop(const std::string& ref, const api::SandboxStop&) override {
    return tell(ref);
  }
  Result<Json> sandbox_restart(const std::string& ref, const api::SandboxStop&) override {
    return tell(ref);
  }
  Result<Json> sandbox_kill(const std::string& ref, const api::SandboxKill& request) override {
    return tell(ref, request.signal);
  }
  Result<Json> sandbox_wait(const std::string& ref, bool, const std::function<bool()>&) override {
    return tell(ref);
  }
  Result<Json> sandbox_remove(const std::string& ref, bool) override { return tell(ref); }
  Result<Json> sandbox_exec(const std::string& ref, const api::SandboxExec&) override {
    return tell(ref);
  }
  Result<void> sandbox_logs(const std::string& ref, bool, const Sink& sink) override {
    demand_ref(ref);
    DEMAND(sink(ref));
    return {};
  }
  Result<Json> sandbox_publish(const std::string& ref, const api::PortSpec& spec) override {
    return tell(ref, spec.to_string());
  }
  Result<Json> sandbox_unpublish(const std::string& ref, const api::PortSpec& spec) override {
    return tell(ref, spec.to_string());
  }
  Result<Json> status(bool verify) override { return Json(verify); }
  Result<Json> version() override { return Json("0"); }

private:
  static void demand_ref(const std::string& ref) {
    DEMAND(!ref.empty());
    DEMAND(!fuzz::has_nul(ref));
  }
  // Half of the names are known, the others come back in an error.
  static Result<Json> tell(const std::string& ref) {
    if (ref.size() % 2 != 0) {
      return fail(ErrorCode::not_found, "no such thing: {}", ref);
    }
    return Json{{"Ref", ref}};
  }
  static Result<Json> tell(const std::string& ref, const std::string& more) {
    demand_ref(ref);
    return tell(ref + more);
  }
};

class Written : public Stream {
public:
  bool write(std::string_view text) override {
    text_ += text;
    return true;
  }

private:
  std::string text_;
};

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

// Every byte of the parts escaped: the same target.
std::string written(const Target& target) {
  std::string out;
  for (const std::string& segment : target.segments) {
    out += "/" + encoded(segment);
  }
  char separator = '?';
  for (const auto& [key, value] : target.query) {
    out += separator + encoded(key) + "=" + encoded(value);
    separator = '&';
  }
  return out;
}

void demand_reply(const Reply& reply) {
  DEMAND(reply.status >= 200 && reply.status < 600);
  if (reply.content_type != "application/json") {
    return;
  }
  const Json json = Json::parse(reply.body, nullptr, false);
  DEMAND(!json.is_discarded());
  DEMAND(reply.status < 400 || (json.contains("message") && json.contains("code")));
}

void ask(const std::string& method, std::string_view text, std::string body) {
  const auto target = Target::from(text);
  if (!target) {
    fuzz::demand_story(target);
    return demand_reply(error_reply(target.error()));
  }
  for (const std::string& segment : target->segments) {
    DEMAND(!fuzz::has_nul(segment));
  }
  const auto again = Target::from(written(*target));
  DEMAND(again && again->segments == target->segments && again->query == target->query);

  static Echo backend;
  static const Router router = native_routes(backend);
  auto match = router.find(method, target->segments);
  if (match.handler == nullptr) {
    return;
  }
  DEMAND(match.allow.empty() && match.route.starts_with("/v1/"));
  Request request;
  request.method = method;
  request.path = std::move(match.path);
  request.query = target->query;
  request.body = std::move(body);
  request.alive = [] { return true; };
  Written stream;
  demand_reply((*match.handler)(request, stream));
}

} // namespace
} // namespace ebpfnet::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ebpfnet::fuzz::text_of(data, size);
  const auto end = text.find('\n');
  const auto space = text.substr(0, end).find(' ');
  if (space == std::string_view::npos) {
    return -1;
  }
  const auto body = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  const auto line = text.substr(0, end);
  ebpfnet::server::ask(std::string(line.substr(0, space)), line.substr(space + 1),
                       std::string(body));
  return 0;
}
