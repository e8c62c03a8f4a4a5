// inet_diag dumps and the search for the process behind an inode.
#include "daemon/netlink/sock_diag.hpp"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "daemon/netlink/message.hpp"
#include "daemon/netlink/socket.hpp"

namespace ebpfnet::netlink {

namespace {

namespace fs = std::filesystem;

struct Query {
  std::string_view protocol;
  std::uint16_t first;
  std::uint16_t last;
  IpAddress address;
  bool v6_only;
};

std::optional<SocketOwner> match(const nlmsghdr& message, const Query& query) {
  if (nlmsg_datalen(&message) < static_cast<int>(sizeof(inet_diag_msg))) {
    return std::nullopt;
  }
  const auto& entry = *static_cast<const inet_diag_msg*>(nlmsg_data(&message));
  const std::uint16_t port = ntohs(entry.id.idiag_sport);
  if (port < query.first || port > query.last) {
    return std::nullopt;
  }
  const auto bound = ip_from_wire(entry.id.idiag_src, entry.idiag_family == AF_INET ? 4 : 16);
  const Attributes<INET_DIAG_MAX> attributes(message, sizeof(inet_diag_msg));
  const bool v6_only = attributes.number<std::uint8_t>(INET_DIAG_SKV6ONLY).value_or(0) != 0;
  if (!addresses_clash(*bound, v6_only, query.address, query.v6_only)) {
    return std::nullopt;
  }
  return SocketOwner{std::string(query.protocol), *bound, port, entry.idiag_inode, 0, {}};
}

Result<std::vector<SocketOwner>> dump_family(Socket& socket, int family, const Query& query) {
  const bool tcp = query.protocol == "tcp";
  inet_diag_req_v2 header{};
  header.sdiag_family = static_cast<__u8>(family);
  header.sdiag_protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
  // A UDP socket holds its port whether it is connected or not.
  header.idiag_states = tcp ? 1U << TCP_LISTEN : ~0U;
  Request request(SOCK_DIAG_BY_FAMILY, 0, header);
  auto owners = socket.list<SocketOwner>(
      request, [&](const nlmsghdr& message) { return match(message, query); });
  if (!owners && owners.error().sys_errno == ENOENT) {
    owners.error().code = ErrorCode::unsupported;
    owners.error().hint = "this kernel has no inet_diag (CONFIG_INET_DIAG, CONFIG_INET_UDP_DIAG)";
  }
  return owners;
}

bool holds(const fs::path& process, const std::string& socket_name) {
  std::error_code error;
  for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unreadable;
    if (fs::read_symlink(entry->path(), unreadable) == socket_name) {
      return true;
    }
  }
  return false;
}

// Fills in pid and process. Processes come and go while this looks: what cannot be read is skipped.
void name_process(SocketOwner& owner) {
  const std::string socket_name = fmt::format("socket:[{}]", owner.inode);
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    int pid = 0;
    const auto [stop, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || stop != name.data() + name.size() ||
        !holds(entry->path(), socket_name)) {
      continue;
    }
    std::string command;
    std::ifstream file(entry->path() / "comm");
    std::getline(file, command);
    owner.pid = pid;
    owner.process = fmt::format("{} (pid {})", command.empty() ? "a process" : command, pid);
    return;
  }
}

} // namespace

Result<std::optional<SocketOwner>> find_listener(std::string_view protocol, std::uint16_t first,
                                                 std::uint16_t last, const IpAddress& address,
                                                 bool v6_only) {
  if (protocol != "tcp" && protocol != "udp") {
    return fail(ErrorCode::invalid, "look for a listener: protocol '{}' is neither tcp nor udp",
                protocol);
  }
  if (first == 0 || first > last) {
    return fail(ErrorCode::invalid, "look for a listener: {}-{} is no range of ports", first, last);
  }
  const Query query{protocol, first, last, address, v6_only};
  Socket socket = TRY(Socket::open_protocol(NETLINK_SOCK_DIAG));
  for (const int family : {AF_INET, AF_INET6}) {
    auto owners = TRY(doing(dump_family(socket, family, query), "list {} sockets", protocol));
    if (!owners.empty()) {
      SocketOwner& owner = *std::ranges::min_element(owners, {}, &SocketOwner::port);
      name_process(owner);
      return std::optional(std::move(owner));
    }
  }
  return std::optional<SocketOwner>();
}

bool addresses_clash(const IpAddress& bound, bool v6_only, const IpAddress& wanted,
                     bool wanted_v6_only) {
  const bool bound_v4 = bound.is_v4() || (bound.is_unspecified() && !v6_only);
  const bool bound_v6 = !bound.is_v4();
  const bool wanted_v4 = wanted.is_v4() || (wanted.is_unspecified() && !wanted_v6_only);
  const bool wanted_v6 = !wanted.is_v4();
  if (!(bound_v4 && wanted_v4) && !(bound_v6 && wanted_v6)) {
    return false;
  }
  return bound.is_unspecified() || wanted.is_unspecified() || bound == wanted;
}

} // namespace ebpfnet::netlink
