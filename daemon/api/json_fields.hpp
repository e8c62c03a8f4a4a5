// The one list of JSON keys per request struct, walked alike by the reader and the writer of
// json.cpp: visit(key, member) for a member, visit.inside(outer, key, member) for one that stands
// in an object of its own.
#pragma once

#include <concepts>
#include <type_traits>

#include "daemon/api/requests.hpp"

namespace ebpfnet::api {

// `auto& value` of type T or const T.
template <class Value, class T>
concept Is = std::same_as<std::remove_const_t<Value>, T>;

template <class V> void fields(V& visit, Is<IpamConfig> auto& value) {
  visit("Subnet", value.subnet);
  visit("IPRange", value.ip_range);
  visit("Gateway", value.gateway);
  visit("AuxiliaryAddresses", value.aux_addresses);
}

template <class V> void fields(V& visit, Is<NetworkCreate> auto& value) {
  visit("Name", value.name);
  visit("Driver", value.driver);
  visit.inside("IPAM", "Config", value.ipam);
  visit("Internal", value.internal);
  visit("EnableIPv4", value.enable_ipv4);
  visit("EnableIPv6", value.enable_ipv6);
  visit("Attachable", value.attachable);
  visit("Options", value.options);
  visit("Labels", value.labels);
}

template <class V> void fields(V& visit, Is<EndpointConfig> auto& value) {
  visit("Network", value.network);
  visit("IPv4Address", value.ipv4);
  visit("IPv6Address", value.ipv6);
  visit("MacAddress", value.mac);
  visit("Aliases", value.aliases);
  visit("GwPriority", value.gw_priority);
}

template <class V> void fields(V& visit, Is<NetworkConnect> auto& value) {
  visit("Sandbox", value.sandbox);
  visit("Endpoint", value.endpoint);
}

template <class V> void fields(V& visit, Is<NetworkDisconnect> auto& value) {
  visit("Sandbox", value.sandbox);
  visit("Force", value.force);
}

template <class V> void fields(V& visit, Is<PortSpec> auto& value) {
  visit("HostIp", value.host_ip);
  visit("HostPort", value.host_first);
  visit("HostPortEnd", value.host_last);
  visit("Port", value.first);
  visit("PortEnd", value.last);
  visit("Protocol", value.protocol);
}

template <class V> void fields(V& visit, Is<RestartPolicy> auto& value) {
  visit("Name", value.name);
  visit("MaximumRetryCount", value.max_retries);
}

template <class V> void fields(V& visit, Is<ProcessConfig> auto& value) {
  visit("Cmd", value.command);
  visit("Env", value.env);
  visit("User", value.user);
  visit("WorkingDir", value.workdir);
  visit("CapAdd", value.cap_add);
  visit("Privileged", value.privileged);
  visit("Tty", value.tty);
  visit("OpenStdin", value.interactive);
}

template <class V> void fields(V& visit, Is<SandboxCreate> auto& value) {
  visit("Name", value.name);
  visit("NetnsPath", value.netns_path);
  visit("NetworkMode", value.network_mode);
  visit("Networks", value.networks);
  visit("Ports", value.ports);
  visit("PublishAll", value.publish_all);
  visit("Dns", value.dns);
  visit("DnsSearch", value.dns_search);
  visit("DnsOptions", value.dns_options);
  visit("Hostname", value.hostname);
  visit("ExtraHosts", value.extra_hosts);
  visit("Labels", value.labels);
  visit("Process", value.process);
  visit("RestartPolicy", value.restart);
  visit("AutoRemove", value.auto_remove);
  visit("Start", value.start);
  visit("Attach", value.attach);
}

template <class V> void fields(V& visit, Is<SandboxStart> auto& value) {
  visit("Attach", value.attach);
}

template <class V> void fields(V& visit, Is<SandboxStop> auto& value) {
  visit("TimeoutSeconds", value.timeout_seconds);
}

template <class V> void fields(V& visit, Is<SandboxKill> auto& value) {
  visit("Signal", value.signal);
}

template <class V> void fields(V& visit, Is<SandboxExec> auto& value) {
  visit("Process", value.process);
}

template <class V> void fields(V& visit, Is<AttachReply> auto& value) {
  visit("Id", value.id);
  visit("Socket", value.socket);
}

} // namespace ebpfnet::api
