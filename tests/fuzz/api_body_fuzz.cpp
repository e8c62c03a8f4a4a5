// Request bodies: the first line names the request, the rest is the JSON. What is accepted can be
// written and read again as the same, and no string of it hides a NUL.
#include "daemon/api/json.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::fuzz {
namespace {

void demand_no_nul(const nlohmann::json& json) {
  if (json.is_string()) {
    DEMAND(!has_nul(json.get_ref<const std::string&>()));
  }
  if (json.is_object()) {
    for (const auto& item : json.items()) {
      DEMAND(!has_nul(item.key()));
    }
  }
  for (const auto& inner : json) {
    if (json.is_structured()) {
      demand_no_nul(inner);
    }
  }
}

void demand_valid(const api::PortSpec& spec) {
  DEMAND(gives(api::PortSpec::from(spec.to_string()), spec));
}
void demand_valid(const api::RestartPolicy& policy) {
  DEMAND(gives(api::RestartPolicy::from(policy.to_string()), policy));
}
void demand_valid(const api::SandboxCreate& request) {
  for (const api::PortSpec& spec : request.ports) {
    demand_valid(spec);
  }
  demand_valid(request.restart);
}
template <class T> void demand_valid(const T&) {}

template <class T> void read(std::string_view body) {
  const auto request = api::parse<T>(body);
  if (!request) {
    return demand_story(request);
  }
  demand_valid(*request);
  const nlohmann::json written = api::to_json(*request);
  demand_no_nul(written);
  const auto again = api::parse<T>(written.dump());
  DEMAND(again && api::to_json(*again) == written);
}

struct Row {
  std::string_view name;
  void (*read)(std::string_view body);
};

constexpr Row kRows[] = {
    {"NetworkCreate", read<api::NetworkCreate>},
    {"NetworkConnect", read<api::NetworkConnect>},
    {"NetworkDisconnect", read<api::NetworkDisconnect>},
    {"PortSpec", read<api::PortSpec>},
    {"RestartPolicy", read<api::RestartPolicy>},
    {"SandboxCreate", read<api::SandboxCreate>},
    {"SandboxStart", read<api::SandboxStart>},
    {"SandboxStop", read<api::SandboxStop>},
    {"SandboxKill", read<api::SandboxKill>},
    {"SandboxExec", read<api::SandboxExec>},
    {"AttachReply", read<api::AttachReply>},
};

} // namespace
} // namespace ebpfnet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ebpfnet::fuzz::text_of(data, size);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) {
    return -1;
  }
  for (const auto& row : ebpfnet::fuzz::kRows) {
    if (row.name == text.substr(0, end)) {
      row.read(text.substr(end + 1));
      return 0;
    }
  }
  return -1;
}
