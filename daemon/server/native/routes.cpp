// The route table and the adaptors between HTTP requests and Backend methods. No decision is made
// here.
#include "daemon/server/native/routes.hpp"

#include <array>

#include "daemon/api/json.hpp"

namespace ebpfnet::server {
namespace {

using Call = Result<Json> (*)(Backend&, const Request&);

// Commands without options may leave the body out.
template <class T> Result<T> body_of(const Request& request) {
  return api::parse<T>(request.body.empty() ? std::string_view("{}") : request.body);
}

const std::string& ref_of(const Request& request) {
  return request.path.at("ref");
}

Result<bool> flag(const Request& request, const std::string& name) {
  auto it = request.query.find(name);
  if (it == request.query.end() || it->second == "0" || it->second == "false") {
    return false;
  }
  if (it->second == "1" || it->second == "true") {
    return true;
  }
  return fail(ErrorCode::invalid, "query '{}={}': expected 0 or 1", name, it->second);
}

Result<Filters> filters_of(const Request& request) {
  Filters filters;
  auto it = request.query.find("filters");
  if (it == request.query.end() || it->second.empty()) {
    return filters;
  }
  Json json = Json::parse(it->second, nullptr, false);
  auto malformed = [] {
    return fail(ErrorCode::invalid, "filters: expected a JSON object of arrays of strings");
  };
  if (!json.is_object()) {
    return malformed();
  }
  for (const auto& [name, values] : json.items()) {
    if (!values.is_array()) {
      return malformed();
    }
    for (const Json& value : values) {
      if (!value.is_string()) {
        return malformed();
      }
      filters[name].push_back(value.get<std::string>());
    }
  }
  return filters;
}

template <class T, auto Method> Result<Json> with_body(Backend& backend, const Request& request) {
  T body = TRY(body_of<T>(request));
  return (backend.*Method)(body);
}

template <auto Method> Result<Json> with_ref(Backend& backend, const Request& request) {
  return (backend.*Method)(ref_of(request));
}

template <class T, auto Method>
Result<Json> with_ref_and_body(Backend& backend, const Request& request) {
  T body = TRY(body_of<T>(request));
  return (backend.*Method)(ref_of(request), body);
}

template <auto Method> Result<Json> with_filters(Backend& backend, const Request& request) {
  Filters filters = TRY(filters_of(request));
  return (backend.*Method)(filters);
}

Result<Json> list_sandboxes(Backend& backend, const Request& request) {
  bool all = TRY(flag(request, "all"));
  Filters filters = TRY(filters_of(request));
  return backend.sandbox_list(all, filters);
}

Result<Json> remove_sandbox(Backend& backend, const Request& request) {
  bool force = TRY(flag(request, "force"));
  return backend.sandbox_remove(ref_of(request), force);
}

Result<Json> wait_sandbox(Backend& backend, const Request& request) {
  const auto condition = request.query.find("condition");
  const bool until_removed = condition != request.query.end() && condition->second == "removed";
  return backend.sandbox_wait(ref_of(request), until_removed, request.alive);
}

Result<Json> status(Backend& backend, const Request& request) {
  bool verify = TRY(flag(request, "verify"));
  return backend.status(verify);
}

Result<Json> version(Backend& backend, const Request&) {
  return backend.version();
}

struct Row {
  const char* method;
  const char* pattern;
  Call call;
  int status = 200;
};

// Literal paths stand before patterns of the same length.
constexpr std::array kRows{
    Row{"POST", "/v1/networks", with_body<api::NetworkCreate, &Backend::network_create>, 201},
    Row{"GET", "/v1/networks", with_filters<&Backend::network_list>},
    Row{"POST", "/v1/networks/prune", with_filters<&Backend::network_prune>},
    Row{"GET", "/v1/networks/{ref}", with_ref<&Backend::network_inspect>},
    Row{"DELETE", "/v1/networks/{ref}", with_ref<&Backend::network_remove>},
    Row{"POST", "/v1/networks/{ref}/connect",
        with_ref_and_body<api::NetworkConnect, &Backend::network_connect>},
    Row{"POST", "/v1/networks/{ref}/disconnect",
        with_ref_and_body<api::NetworkDisconnect, &Backend::network_disconnect>},
    Row{"POST", "/v1/sandboxes", with_body<api::SandboxCreate, &Backend::sandbox_create>, 201},
    Row{"GET", "/v1/sandboxes", list_sandboxes},
    Row{"GET", "/v1/sandboxes/{ref}", with_ref<&Backend::sandbox_inspect>},
    Row{"DELETE", "/v1/sandboxes/{ref}", remove_sandbox},
    Row{"POST", "/v1/sandboxes/{ref}/start",
        with_ref_and_body<api::SandboxStart, &Backend::sandbox_start>},
    Row{"POST", "/v1/sandboxes/{ref}/stop",
        with_ref_and_body<api::SandboxStop, &Backend::sandbox_stop>},
    Row{"POST", "/v1/sandboxes/{ref}/restart",
        with_ref_and_body<api::SandboxStop, &Backend::sandbox_restart>},
    Row{"POST", "/v1/sandboxes/{ref}/kill",
        with_ref_and_body<api::SandboxKill, &Backend::sandbox_kill>},
    Row{"POST", "/v1/sandboxes/{ref}/wait", wait_sandbox},
    Row{"POST", "/v1/sandboxes/{ref}/exec",
        with_ref_and_body<api::SandboxExec, &Backend::sandbox_exec>},
    Row{"POST", "/v1/sandboxes/{ref}/publish",
        with_ref_and_body<api::PortSpec, &Backend::sandbox_publish>},
    Row{"POST", "/v1/sandboxes/{ref}/unpublish",
        with_ref_and_body<api::PortSpec, &Backend::sandbox_unpublish>},
    Row{"GET", "/v1/status", status},
    Row{"GET", "/v1/version", version},
};

Reply follow_logs(Backend& backend, const Request& request, Stream& stream) {
  Result<bool> follow = flag(request, "follow");
  if (!follow) {
    return error_reply(follow.error());
  }
  Result<void> done = backend.sandbox_logs(
      ref_of(request), *follow, [&stream](std::string_view text) { return stream.write(text); });
  if (!done) {
    return error_reply(done.error());
  }
  Reply reply;
  reply.content_type = "text/plain; charset=utf-8"; // nothing was written
  return reply;
}

} // namespace

Router native_routes(Backend& backend) {
  Router router;
  for (const Row& row : kRows) {
    router.add(row.method, row.pattern, [&backend, row](const Request& request, Stream&) {
      Result<Json> result = row.call(backend, request);
      return result ? json_reply(*result, row.status) : error_reply(result.error());
    });
  }
  router.add("GET", "/v1/sandboxes/{ref}/logs", [&backend](const Request& request, Stream& stream) {
    return follow_logs(backend, request, stream);
  });
  return router;
}

} // namespace ebpfnet::server
