#include "tests/fuzz_packet/tap.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>
#include <stdexcept>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/netns.hpp"

namespace ebpfnet::packet {
namespace {

constexpr int kRoomBytes = 32 << 20; // what a receiver may fall behind
// struct virtio_net_hdr; its header is no C++.
struct Offload {
  std::uint8_t flags; // 1: the checksum is wanted
  std::uint8_t gso_type;
  std::uint16_t header_len;
  std::uint16_t gso_size;
  std::uint16_t csum_start;
  std::uint16_t csum_offset;
};
static_assert(sizeof(Offload) == 10);

constexpr std::uint16_t kPaceType = 0x88b5;
// Sandbox, host, sandbox, and the same for an answer.
constexpr int kHops = 6;
constexpr int kPatienceMs = 20000;

void must(bool fine, const char* what) {
  if (!fine) {
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  }
}

template <class T> void set(const UniqueFd& fd, int level, int name, T value, const char* what) {
  must(::setsockopt(fd.get(), level, name, &value, sizeof value) == 0, what);
}

void bind_to(const UniqueFd& fd, int ifindex, int protocol) {
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
  name.sll_ifindex = ifindex;
  must(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0,
       "bind a packet socket");
}

Bytes pace() {
  const Mac to = Mac::from_bytes({2, 0, 0, 0, 0, 0xa1});
  const Mac from = Mac::from_bytes({2, 0, 0, 0, 0, 0xa0});
  return ethernet(to, from, kPaceType, Bytes(46));
}

void put_tag_back(Bytes& frame, const tpacket_auxdata& about) {
  const std::uint16_t type =
      (about.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? about.tp_vlan_tpid : ETH_P_8021Q;
  const Bytes tag = {static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type),
                     static_cast<std::uint8_t>(about.tp_vlan_tci >> 8),
                     static_cast<std::uint8_t>(about.tp_vlan_tci)};
  frame.insert(frame.begin() + 12, tag.begin(), tag.end());
}

} // namespace

Tap::Tap(int netns_fd, const std::string& device) {
  auto netlink = netlink::Socket::open_in(netns_fd).value();
  const int ifindex =
      static_cast<int>(netlink::find_link(netlink, device).value().value().index.value);
  in_ = netlink::open_socket_in(netns_fd, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0).value();
  set(in_, SOL_SOCKET, SO_RCVBUFFORCE, kRoomBytes, "room for frames");
  set(in_, SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA");
  set(in_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
  bind_to(in_, ifindex, ETH_P_ALL);
  out_ = netlink::open_socket_in(netns_fd, AF_PACKET, SOCK_RAW, 0).value();
  set(out_, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
  bind_to(out_, ifindex, 0); // receives nothing
}

bool Tap::send(const Bytes& frame, std::size_t transport, std::size_t partial_at) {
  Offload about{};
  if (partial_at != 0) {
    about.flags = 1;
    about.csum_start = static_cast<std::uint16_t>(transport);
    about.csum_offset = static_cast<std::uint16_t>(partial_at - transport);
  }
  iovec parts[] = {{&about, sizeof about}, {const_cast<std::uint8_t*>(frame.data()), frame.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const ssize_t sent = ::sendmsg(out_.get(), &message, 0);
  if (sent < 0 && errno == EMSGSIZE) {
    return false;
  }
  must(sent == static_cast<ssize_t>(sizeof about + frame.size()), "send a frame");
  return true;
}

std::vector<Caught> Tap::take() {
  static Bytes room(70000);
  std::vector<Caught> out;
  while (true) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
    iovec part{room.data(), room.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(in_.get(), &message, MSG_DONTWAIT);
    if (size < 0) {
      must(errno == EAGAIN || errno == ENETDOWN, "receive a frame");
      break;
    }
    Caught caught{{room.begin(), room.begin() + size}};
    tpacket_auxdata about{};
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    must(head != nullptr && head->cmsg_type == PACKET_AUXDATA, "learn about a frame");
    std::memcpy(&about, CMSG_DATA(head), sizeof about);
    caught.partial = (about.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
    if ((about.tp_status & TP_STATUS_VLAN_VALID) != 0) {
      put_tag_back(caught.bytes, about);
    }
    out.push_back(std::move(caught));
  }
  tpacket_stats lost{};
  socklen_t size = sizeof lost;
  must(::getsockopt(in_.get(), SOL_PACKET, PACKET_STATISTICS, &lost, &size) == 0,
       "PACKET_STATISTICS");
  if (lost.tp_drops != 0) {
    throw std::runtime_error("a packet socket had no room");
  }
  return out;
}

UniqueFd own_netns() {
  return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

Pacer::Pacer(netlink::Socket& socket) : socket_(socket), netns_(own_netns()) {
  must(::sched_getaffinity(0, sizeof before_, &before_) == 0, "sched_getaffinity");
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  must(::sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
  netlink::VethSpec spec;
  spec.host_name = "pace0";
  spec.host_mac = Mac::from_bytes({2, 0, 0, 0, 0, 0xa0});
  spec.peer_name = "pace1";
  spec.peer_mac = Mac::from_bytes({2, 0, 0, 0, 0, 0xa1});
  spec.peer_netns_fd = netns_.get();
  netlink::create_veth(socket, spec).value();
  for (const char* end : {"pace0", "pace1"}) {
    const IfIndex index = netlink::find_link(socket, end).value().value().index;
    netlink::set_link_up(socket, index).value();
    ends_.emplace_back(netns_.get(), end);
  }
  // A device that is new takes a while to carry anything. These are the newest.
  for (int tries = 0; tries < kPatienceMs / 50; ++tries) {
    ends_[0].send(pace());
    if (comes_back(50)) {
      return;
    }
  }
  throw std::runtime_error("the devices carry nothing");
}

Pacer::~Pacer() {
  ::sched_setaffinity(0, sizeof before_, &before_);
  if (const auto link = netlink::find_link(socket_, "pace0"); link && *link) {
    static_cast<void>(netlink::delete_link(socket_, (*link)->index));
  }
}

void Pacer::settle() {
  const Bytes frame = pace();
  for (int hop = 0; hop < kHops; ++hop) {
    ends_[0].send(frame);
    must(comes_back(kPatienceMs), "wait for a frame of our own");
  }
}

bool Pacer::comes_back(int patience_ms) {
  pollfd ready{ends_[1].descriptor(), POLLIN, 0};
  const Bytes frame = pace();
  while (::poll(&ready, 1, patience_ms) == 1) {
    for (const Caught& caught : ends_[1].take()) {
      if (caught.bytes == frame) {
        return true;
      }
    }
  }
  return false;
}

} // namespace ebpfnet::packet
