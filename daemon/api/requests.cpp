// Text forms of a published port (-p) and of a restart policy (--restart), for the command line and
// the JSON reader.
#include "daemon/api/requests.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "maps/types/ip.hpp"

namespace ebpfnet::api {

namespace {

struct Range {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  unsigned size() const { return last - first + 1U; }
};

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::uint16_t> port_from(std::string_view text) {
  if (!is_number(text)) {
    return fail(ErrorCode::invalid, "'{}' is not a port number", text);
  }
  std::uint32_t port = 0;
  const auto done = std::from_chars(text.data(), text.data() + text.size(), port);
  if (done.ec != std::errc{} || port < 1 || port > 65535) {
    return fail(ErrorCode::invalid, "port {} is outside 1..65535", text);
  }
  return static_cast<std::uint16_t>(port);
}

// "80" or "80-89".
Result<Range> range_from(std::string_view text) {
  const auto dash = text.find('-');
  const std::uint16_t first = TRY(port_from(text.substr(0, dash)));
  const std::uint16_t last =
      dash == std::string_view::npos ? first : TRY(port_from(text.substr(dash + 1)));
  if (last < first) {
    return fail(ErrorCode::invalid, "port range {} ends before it begins", text);
  }
  return Range{first, last};
}

Result<std::string> protocol_from(std::string_view text) {
  std::string protocol(text);
  std::ranges::transform(protocol, protocol.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  if (protocol == "sctp") {
    return Failure(Error{ErrorCode::unsupported, 0, "protocol sctp is not supported",
                         "tcp and udp can be published"});
  }
  if (protocol != "tcp" && protocol != "udp") {
    return fail(ErrorCode::invalid, "unknown protocol '{}': expected tcp or udp", text);
  }
  return protocol;
}

struct Parts {
  std::string_view host_ip, host_ports, ports;
};

// Splits "[HOSTIP:][HOSTPORTS:]PORTS"; IPv6 stands in brackets.
Result<Parts> split(std::string_view text) {
  Parts parts;
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    parts.ports = text;
    return parts;
  }
  parts.ports = text.substr(colon + 1);
  std::string_view left = text.substr(0, colon);
  const auto second = left.rfind(':');
  if (second == std::string_view::npos && !left.starts_with('[')) {
    parts.host_ports = left;
    return parts;
  }
  if (second == std::string_view::npos || left.ends_with(']')) {
    return fail(ErrorCode::invalid, "expected [HOSTIP:][HOSTPORT[-END]:]PORT[-END][/tcp|udp]");
  }
  parts.host_ports = left.substr(second + 1);
  parts.host_ip = left.substr(0, second);
  const bool bracketed = parts.host_ip.starts_with('[') && parts.host_ip.ends_with(']');
  if (bracketed) {
    parts.host_ip = parts.host_ip.substr(1, parts.host_ip.size() - 2);
  }
  const auto address = TRY(IpAddress::from(parts.host_ip));
  if (address.is_v4() == bracketed) {
    return fail(ErrorCode::invalid, "host address '{}': {}", parts.host_ip,
                bracketed ? "brackets are for IPv6 only" : "write IPv6 in brackets, [::1]:80:80");
  }
  return parts;
}

Result<PortSpec> spec_from(std::string_view text) {
  PortSpec spec;
  if (const auto slash = text.rfind('/'); slash != std::string_view::npos) {
    spec.protocol = TRY(protocol_from(text.substr(slash + 1)));
    text = text.substr(0, slash);
  }
  const Parts parts = TRY(split(text));
  if (parts.ports.empty()) {
    return fail(ErrorCode::invalid, "no port of the sandbox is given");
  }
  const Range inner = TRY(range_from(parts.ports));
  spec.host_ip = parts.host_ip;
  spec.first = inner.first;
  spec.last = inner.last;
  if (parts.host_ports.empty() || parts.host_ports == "0") {
    return spec;
  }
  const Range outer = TRY(range_from(parts.host_ports));
  if (inner.size() != outer.size() && inner.size() != 1) {
    return fail(ErrorCode::invalid,
                "the ranges have different lengths ({} host ports, {} ports of the sandbox)",
                outer.size(), inner.size());
  }
  spec.host_first = outer.first;
  spec.host_last = outer.last;
  return spec;
}

std::string range_text(std::uint16_t first, std::uint16_t last) {
  return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

} // namespace

Result<PortSpec> PortSpec::from(std::string_view text) {
  auto spec = spec_from(text);
  if (!spec) {
    return Failure(std::move(spec).error().wrap(fmt::format("invalid port spec '{}'", text)));
  }
  return spec;
}

std::string PortSpec::to_string() const {
  std::string host;
  if (!host_ip.empty()) {
    host = host_ip.find(':') == std::string::npos ? host_ip + ":" : "[" + host_ip + "]:";
  }
  if (host_first != 0 || host_last != 0) {
    host += range_text(host_first, host_last) + ":";
  } else if (!host_ip.empty()) {
    host += ":";
  }
  return fmt::format("{}{}/{}", host, range_text(first, last), protocol);
}

Result<RestartPolicy> RestartPolicy::from(std::string_view text) {
  RestartPolicy policy;
  const auto colon = text.find(':');
  policy.name = text.substr(0, colon);
  if (policy.name != "no" && policy.name != "always" && policy.name != "on-failure") {
    return fail(ErrorCode::invalid,
                "invalid restart policy '{}': expected no, always or on-failure[:MAX-RETRIES]",
                text);
  }
  if (colon == std::string_view::npos) {
    return policy;
  }
  const std::string_view count = text.substr(colon + 1);
  const auto done = std::from_chars(count.data(), count.data() + count.size(), policy.max_retries);
  if (policy.name != "on-failure" || !is_number(count) || done.ec != std::errc{}) {
    return fail(ErrorCode::invalid, "invalid restart policy '{}': {}", text,
                policy.name == "on-failure" ? "the maximum is not a whole number"
                                            : "only on-failure takes a maximum");
  }
  return policy;
}

std::string RestartPolicy::to_string() const {
  return max_retries == 0 ? name : fmt::format("{}:{}", name, max_retries);
}

} // namespace ebpfnet::api
