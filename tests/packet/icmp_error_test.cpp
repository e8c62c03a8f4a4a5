// ICMP errors about translated flows: what they quote is translated as well.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kServer = ip("203.0.113.7");
const IpAddress kClient = ip("198.51.100.9");
const IpAddress kRouter = ip("192.0.2.1");

struct Kind {
  std::uint8_t type;
  std::uint8_t code;
};
// Fragmentation needed, port unreachable, time exceeded, parameter problem.
constexpr Kind kKinds[] = {{3, 4}, {3, 3}, {11, 0}, {12, 0}};

class IcmpError : public PacketTest {
protected:
  // The router tells the host that it could not deliver `quoted`.
  Frame from_router(const Kind& kind, const Frame& quoted, std::size_t kept) {
    Frame out = icmp_error(kind.type, kind.code, quoted, kept);
    out.icmp_rest = kind.type == 3 && kind.code == 4 ? 1400 : 0;
    return from_outside(world(), kRouter, out);
  }
  // Every kind of error about `outside`, quoted in part and in whole, reaches the sandbox quoting
  // `inside`, which is what it once sent.
  void expect_delivered(std::uint32_t slot, const Frame& outside, const Frame& inside) {
    for (const Kind& kind : kKinds) {
      for (const std::size_t kept : {28U, 32U, 40U, 200U}) {
        const Frame sent = from_router(kind, outside, kept);
        Frame expected = routed_into(world(), slot, sent);
        expected.dst = world().at(slot).ip;
        expected.payload = inside.ip_packet();
        expected.payload.resize(std::min(kept, expected.payload.size()));
        const Outcome out = world().from_uplink(sent.bytes());
        EXPECT_EQ(out.action, kRedirect);
        EXPECT_EQ(out.bytes, expected.bytes()) << "type " << int(kind.type) << " kept " << kept;
      }
    }
  }
  void expect_untouched(const Frame& frame) {
    const Outcome out = world().from_uplink(frame.bytes());
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, frame.bytes());
  }
  // Sends masqueraded; gives what is outside and, in *inside, what left the sandbox, with the TTL
  // that it had outside.
  Frame masquerade(Frame kind, Frame* inside) {
    *inside = to_gateway(world(), kCatWeb, kServer, kind);
    const Outcome out = world().from_container(kCatWeb, inside->bytes());
    EXPECT_EQ(out.action, kRedirect);
    Frame outside = *inside;
    outside.src = world().host();
    outside.ttl = inside->ttl = 63;
    if (kind.proto == kIcmp) {
      outside.icmp_rest = static_cast<std::uint32_t>(port_at(out.bytes, 38)) << 16 | 1;
    } else {
      outside.sport = source_port(out.bytes);
    }
    return outside;
  }
};

TEST_F(IcmpError, ReachesTheSenderOfAMasqueradedPacket) {
  Frame no_checksum = udp();
  no_checksum.without_checksum = true;
  for (const Frame& kind : {udp(), no_checksum, tcp(kSyn), echo(77)}) {
    Frame inside;
    const Frame outside = masquerade(kind, &inside);
    expect_delivered(kCatWeb, outside, inside);
  }
}

TEST_F(IcmpError, ReachesAServerAboutItsReplies) {
  for (const Frame& kind : {udp(), tcp(kSyn)}) {
    world().publish(kind.proto, 8000, 8000, {}, kCatWeb, 5000);
    const Frame request = from_outside(world(), kClient, kind);
    ASSERT_EQ(world().from_uplink(request.bytes()).action, kRedirect);
    const Frame outside = answer_to(request, kind.proto == kUdp ? udp() : tcp(kSyn | kAck));
    Frame inside = outside;
    inside.src = world().at(kCatWeb).ip;
    inside.sport = 5000;
    expect_delivered(kCatWeb, outside, inside);
  }
}

TEST_F(IcmpError, AboutTheHostsOwnPacketsStaysWithTheHost) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  Frame own = udp();
  own.src = world().host();
  own.dst = kServer;
  own.dport = 53;
  for (const std::uint16_t port : {50000, 8000, 61001}) { // plain, published, for masquerading
    own.sport = port;
    expect_untouched(from_router({3, 3}, own, 28));
  }
}

TEST_F(IcmpError, ThatQuotesTooLittleOrNonsenseStaysWithTheHost) {
  Frame inside;
  const Frame outside = masquerade(udp(), &inside);
  for (std::size_t kept = 0; kept < 28; ++kept) {
    expect_untouched(from_router({3, 3}, outside, kept));
  }
  Frame bad = from_router({3, 3}, outside, 28);
  for (const std::uint8_t first : {0x65, 0x44, 0x4f}) {
    bad.payload[0] = first;
    expect_untouched(bad);
  }
  Frame later = outside;
  later.fragment = 5;
  expect_untouched(from_router({3, 3}, later, 28));
  Frame redirect = from_router({5, 1}, outside, 28);
  expect_untouched(redirect);
  Frame elsewhere = from_router({3, 3}, outside, 28);
  elsewhere.dst = ip("192.0.2.99");
  expect_untouched(elsewhere);
}

// From a sandbox

TEST_F(IcmpError, FromAServerShowsTheClientWhatItHadSent) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  const Frame request = from_outside(world(), kClient, udp());
  const Outcome arrived = world().from_uplink(request.bytes());
  ASSERT_EQ(arrived.action, kRedirect);
  Frame inside = request;
  inside.dst = world().at(kCatWeb).ip;
  inside.dport = 5000;
  inside.ttl = 63;
  const Frame sent = to_gateway(world(), kCatWeb, kClient, icmp_error(3, 3, inside, 200));
  Frame expected = sent;
  Frame quoted = request;
  quoted.ttl = 63;
  expected.src = world().host();
  expected.ttl = 63;
  expected.payload = quoted.ip_packet();
  const Outcome out = world().from_container(kCatWeb, sent.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, expected.bytes());
}

TEST_F(IcmpError, FromAClientReachesTheServerOutside) {
  Frame inside;
  const Frame outside = masquerade(udp(), &inside);
  Frame reply = answer_to(outside, udp());
  reply.ttl = 63;
  Frame reply_inside = reply;
  reply_inside.dst = world().at(kCatWeb).ip;
  reply_inside.dport = 40000;
  const Frame sent = to_gateway(world(), kCatWeb, kServer, icmp_error(3, 3, reply_inside, 28));
  Frame expected = sent;
  expected.src = world().host();
  expected.ttl = 63;
  expected.payload = icmp_error(3, 3, reply, 28).payload;
  const Outcome out = world().from_container(kCatWeb, sent.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, expected.bytes());
}

TEST_F(IcmpError, FromAServerReachesItsNeighbour) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  world().set_endpoint_flags(kCatWeb, EBN_EP_NAT_LOCAL);
  Frame kind = udp();
  kind.dport = 8000;
  const Frame request = to_gateway(world(), kCatDb, world().host(), kind);
  ASSERT_EQ(world().from_container(kCatDb, request.bytes()).action, kRedirect);
  Frame inside = request;
  inside.dst = world().at(kCatWeb).ip;
  inside.dport = 5000;
  inside.ttl = 63;
  const Frame sent = to_neighbour(world(), kCatWeb, kCatDb, icmp_error(3, 3, inside, 28));
  Frame quoted = request;
  quoted.ttl = 63;
  Frame expected = routed_into(world(), kCatDb, sent);
  expected.src = world().host();
  expected.payload = icmp_error(3, 3, quoted, 28).payload;
  const Outcome out = world().from_container(kCatWeb, sent.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, expected.bytes());
}

TEST_F(IcmpError, ByAnotherInterfaceShowsTheAddressOfTheFlowAndLeavesNoInternalNetwork) {
  Frame inside;
  const Frame outside = masquerade(udp(), &inside);
  Frame reply = answer_to(outside, udp());
  Frame reply_inside = reply;
  reply_inside.dst = world().at(kCatWeb).ip;
  reply_inside.dport = 40000;
  for (const std::uint32_t slot : {kDogWeb, kInternalA}) {
    ebn_endpoint record = world().maps().endpoints.get(slot).value().value();
    record.sandbox = world().at(kCatWeb).sandbox();
    ASSERT_TRUE(succeeded(world().maps().endpoints.put(slot, record)));
  }
  const Frame sent = to_gateway(world(), kDogWeb, kServer, icmp_error(11, 0, reply_inside, 28));
  Frame expected = sent;
  expected.src = world().host();
  expected.ttl = 63;
  expected.payload = icmp_error(11, 0, reply, 28).payload;
  EXPECT_EQ(world().from_container(kDogWeb, sent.bytes()).bytes, expected.bytes());
  const Frame internal =
      to_gateway(world(), kInternalA, kServer, icmp_error(11, 0, reply_inside, 28));
  EXPECT_EQ(world().from_container(kInternalA, internal.bytes()).action, kShot);
  EXPECT_EQ(world().drops(kInternal, EBN_DROP_INTERNAL), 1U);
}

TEST_F(IcmpError, ToAnybodyButTheSenderOfWhatItQuotesDoesNotLeave) {
  Frame inside;
  const Frame outside = masquerade(udp(), &inside);
  Frame reply = answer_to(outside, udp());
  reply.dst = world().at(kCatWeb).ip;
  reply.dport = 40000;
  const Frame sent = to_gateway(world(), kCatWeb, kClient, icmp_error(3, 3, reply, 28));
  EXPECT_EQ(world().from_container(kCatWeb, sent.bytes()).action, kShot);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_UNSUPPORTED_PROTOCOL), 1U);
}

TEST_F(IcmpError, AboutAnotherAddressOfTheServedPortStaysWithTheHost) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  const Frame request = from_outside(world(), kClient, udp());
  ASSERT_EQ(world().from_uplink(request.bytes()).action, kRedirect);
  Frame other = answer_to(request, udp());
  other.src = ip("192.0.2.99");
  Frame error = from_router({3, 3}, other, 28);
  error.dst = other.src;
  expect_untouched(error);
}

TEST_F(IcmpError, OfNoFlowDoesNotLeave) {
  Frame quoted = udp();
  quoted.src = kClient;
  quoted.dst = world().at(kCatWeb).ip;
  const Frame sent = to_gateway(world(), kCatWeb, kClient, icmp_error(3, 3, quoted, 28));
  EXPECT_EQ(world().from_container(kCatWeb, sent.bytes()).action, kShot);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_UNSUPPORTED_PROTOCOL), 1U);
}

TEST_F(IcmpError, ShowsTheHostAndATwinTheAddressThatEachKnows) {
  const Endpoint& twin = world().at(kTwinWeb);
  Frame request = udp(); // the host to the twin, as the twin and as the host see it
  request.src = twin.gateway;
  request.dst = twin.ip;
  request.sport = 40000;
  request.dport = 5000;
  Frame seen_by_host = request;
  seen_by_host.dst = twin.host_address;
  const Frame sent = to_gateway(world(), kTwinWeb, twin.gateway, icmp_error(3, 3, request, 28));
  Frame expected = sent;
  expected.src = twin.host_address;
  expected.payload = icmp_error(3, 3, seen_by_host, 28).payload;
  EXPECT_EQ(world().from_container(kTwinWeb, sent.bytes()).bytes, expected.bytes());

  Frame back = icmp_error(11, 0, answer_to(seen_by_host, udp()), 28); // and the other way round
  back.eth_dst = twin.mac;
  back.eth_src = twin.gateway_mac;
  back.src = twin.gateway;
  back.dst = twin.host_address;
  Frame arrived = back;
  arrived.dst = twin.ip;
  arrived.payload = icmp_error(11, 0, answer_to(request, udp()), 28).payload;
  const Outcome out = world().to_container(kTwinWeb, 0, back.bytes());
  EXPECT_EQ(out.action, kUnspec);
  EXPECT_EQ(out.bytes, arrived.bytes());

  Frame foreign = udp(); // of which the twin is no party: only the error's own header changes
  foreign.src = kClient;
  foreign.dst = kServer;
  back.payload = icmp_error(11, 0, foreign, 28).payload;
  arrived.payload = back.payload;
  EXPECT_EQ(world().to_container(kTwinWeb, 0, back.bytes()).bytes, arrived.bytes());
}

} // namespace
} // namespace ebpfnet::packet
