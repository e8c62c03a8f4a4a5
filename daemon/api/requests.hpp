// What clients may ask of the daemon: one struct per request body of the native API. The JSON forms
// are in json.hpp; the server parses them strictly, the command line produces them. Texts stay
// texts here: addresses, prefixes and ports are checked by the layer that knows what they are for,
// so that every refusal can name the object concerned.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "maps/types/error.hpp"

namespace ebpfnet::api {

using StringMap = std::map<std::string, std::string>;

struct IpamConfig {
  std::string subnet; // CIDR; empty: a prefix of the default pools
  std::string
      ip_range; // CIDR inside subnet from which automatic addresses come; empty: the whole subnet
  std::string gateway;     // address; empty: the first usable one
  StringMap aux_addresses; // name -> address that must not be given out
};

struct NetworkCreate {
  std::string name;
  std::string driver = "bridge";
  std::vector<IpamConfig> ipam;
  bool internal = false;
  std::optional<bool> enable_ipv4; // none: yes, unless an option says otherwise
  std::optional<bool> enable_ipv6; // none: no, unless an option says otherwise
  bool attachable = false;
  StringMap options;
  StringMap labels;
};

// One attachment of a sandbox to a network.
struct EndpointConfig {
  std::string network; // name, id or unique id prefix
  std::string ipv4;    // empty: chosen
  std::string ipv6;    // empty: chosen
  std::string mac;     // empty: derived from the IPv4 address, random without one
  std::vector<std::string> aliases;
  int gw_priority = 0;
};

struct NetworkConnect {
  std::string sandbox;
  EndpointConfig endpoint; // endpoint.network is ignored: the network stands in the path
};

struct NetworkDisconnect {
  std::string sandbox;
  bool force = false;
};

// One -p argument, taken apart: [HOSTIP:][HOSTPORT[-END]:]PORT[-END][/tcp|udp].
struct PortSpec {
  std::string host_ip;          // empty: 0.0.0.0 and [::]
  std::uint16_t host_first = 0; // 0: the daemon chooses
  std::uint16_t host_last = 0;
  std::uint16_t first = 0; // port of the sandbox
  std::uint16_t last = 0;
  std::string protocol = "tcp"; // tcp or udp

  // Parses the text form. Errors name the text and what was expected.
  static Result<PortSpec> from(std::string_view text);
  std::string to_string() const;
  bool operator==(const PortSpec&) const = default;
};

struct RestartPolicy {
  std::string name = "no"; // no, always, on-failure
  int max_retries = 0;     // on-failure only; 0: no limit

  static Result<RestartPolicy> from(std::string_view text);
  std::string to_string() const;
  bool operator==(const RestartPolicy&) const = default;
};

// A program to run in a sandbox.
struct ProcessConfig {
  std::vector<std::string> command;
  std::vector<std::string> env; // "K=V"; the daemon adds PATH and HOSTNAME when missing
  std::string user;             // name or uid, optionally ":group"; empty: root
  std::string workdir;          // empty: /
  std::vector<std::string> cap_add;
  bool privileged = false;
  bool tty = false;
  bool interactive = false; // keep standard input open
};

struct SandboxCreate {
  std::string name;         // empty: chosen
  std::string netns_path;   // adopt this namespace instead of making one
  std::string network_mode; // "", "host", "none" or "container:SANDBOX"; "" uses `networks`
  std::vector<EndpointConfig> networks; // empty with mode "": the default bridge
  std::vector<PortSpec> ports;
  bool publish_all = false;
  std::vector<std::string> dns;
  std::vector<std::string> dns_search;
  std::vector<std::string> dns_options;
  std::string hostname;                 // empty: first 12 digits of the id
  std::vector<std::string> extra_hosts; // "NAME:IP"
  StringMap labels;
  std::optional<ProcessConfig> process; // none: a sandbox without a process
  RestartPolicy restart;
  bool auto_remove = false; // --rm
  bool start = false;  // start the process in the same request; a failed start leaves no sandbox
  bool attach = false; // with start: the supervisor waits for the client's own stdio
};

struct SandboxStart {
  bool attach = false;
};

struct SandboxStop {
  int timeout_seconds = 10; // between SIGTERM and SIGKILL
};

struct SandboxKill {
  std::string signal = "KILL"; // name with or without SIG, or a number
};

struct SandboxExec {
  ProcessConfig process;
};

// What a client that wants to be attached must do next: connect here and pass its fds (see
// daemon/shim/attach.hpp).
struct AttachReply {
  std::string id;     // of the sandbox
  std::string socket; // path of the supervisor's unix socket
};

} // namespace ebpfnet::api
