// TCP segments of no known connection are answered, not swallowed (RFC 9293, 3.10.7.1).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kServer = ip("203.0.113.7");
const IpAddress kClient = ip("198.51.100.9");

class Reset : public PacketTest {
protected:
  // The reset that answers `stray`: its sequence number is the stray's acknowledgement, or it
  // acknowledges everything.
  Frame reset_for(const Frame& stray) {
    Frame out = answer_to(stray, tcp(kRst));
    out.id = 0;
    out.seq = 0;
    if ((stray.flags & kAck) != 0) {
      out.seq = stray.ack;
    } else {
      out.flags |= kAck;
      out.ack = stray.seq + static_cast<std::uint32_t>(stray.payload.size()) +
                ((stray.flags & kSyn) != 0 ? 1 : 0) + ((stray.flags & kFin) != 0 ? 1 : 0);
    }
    return out;
  }
  // TCP flags of all strays, with and without payload.
  std::vector<Frame> strays() {
    std::vector<Frame> out;
    for (const int flags : {kAck + 0, kSyn | kAck, kFin | kAck, kFin + 0, 0, kSyn | kFin | kAck}) {
      for (const std::size_t length : {0U, 1U, 700U}) {
        Frame frame = tcp(static_cast<std::uint8_t>(flags));
        frame.payload.assign(length, 'x');
        out.push_back(frame);
      }
    }
    return out;
  }
};

// The description of a segment has a window; a reset's is 0. Compared without it and the checksum,
// and the checksum is verified over the whole segment.
void expect_reset(const Bytes& actual, const Bytes& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  Bytes plain = actual;
  EXPECT_EQ(plain[48], 0);
  EXPECT_EQ(plain[49], 0);
  std::copy(expected.begin() + 48, expected.begin() + 52, plain.begin() + 48);
  EXPECT_EQ(plain, expected);
  Bytes pseudo(actual.begin() + 26, actual.begin() + 34);
  pseudo.insert(pseudo.end(), {0, kTcp, 0, 20});
  pseudo.insert(pseudo.end(), actual.begin() + 34, actual.end());
  EXPECT_EQ(checksum(pseudo), 0);
}

TEST_F(Reset, TellsASandboxThatItsConnectionIsGone) {
  std::uint64_t count = 0;
  for (const Frame& kind : strays()) {
    const Frame stray = to_gateway(world(), kCatWeb, kServer, kind);
    const Outcome out = world().from_container(kCatWeb, stray.bytes());
    EXPECT_EQ(out.action, kRedirect);
    expect_reset(out.bytes, reset_for(stray).bytes());
    EXPECT_EQ(world().drops(kCat, EBN_DROP_NO_FLOW), ++count);
  }
  EXPECT_TRUE(new_flows(world()).empty());
}

TEST_F(Reset, TellsAClientOutsideThatItsConnectionIsGone) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  std::uint64_t count = 0;
  for (const Frame& kind : strays()) {
    const Frame stray = from_outside(world(), kClient, kind);
    const Outcome out = world().from_uplink(stray.bytes());
    EXPECT_EQ(out.action, kRedirect);
    expect_reset(out.bytes, reset_for(stray).bytes());
    EXPECT_EQ(world().drops(kCat, EBN_DROP_NO_FLOW), ++count);
  }
}

TEST_F(Reset, TellsAClientNextDoorThatItsConnectionIsGone) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  Frame stray = tcp(kAck);
  stray.dport = 8000;
  stray = to_gateway(world(), kDogWeb, world().host(), stray);
  const Outcome out = world().from_container(kDogWeb, stray.bytes());
  EXPECT_EQ(out.action, kRedirect);
  expect_reset(out.bytes, reset_for(stray).bytes());
}

TEST_F(Reset, NeverAnswersAReset) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  for (const int flags : {kRst + 0, kRst | kAck, kRst | kSyn}) {
    const Frame kind = tcp(static_cast<std::uint8_t>(flags));
    EXPECT_EQ(
        world().from_container(kCatWeb, to_gateway(world(), kCatWeb, kServer, kind).bytes()).action,
        kShot);
    EXPECT_EQ(world().from_uplink(from_outside(world(), kClient, kind).bytes()).action, kShot);
  }
  EXPECT_EQ(world().drops(kCat, EBN_DROP_NO_FLOW), 6U);
}

TEST_F(Reset, LeavesTheSegmentsOfAHostSocketToIt) {
  // The host listens on the port that is then published: what is not of a flow may be its own.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(8000);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  const Bytes stray = from_outside(world(), kClient, tcp(kAck)).bytes();
  const Outcome out = world().from_uplink(stray);
  EXPECT_EQ(out.action, kUnspec);
  EXPECT_EQ(out.bytes, stray);
  EXPECT_EQ(world().all_drops(), 0U);
}

TEST_F(Reset, IsNotSentForSegmentsWithIpOptions) {
  Frame stray = to_gateway(world(), kCatWeb, kServer, tcp(kAck));
  stray.options = {1, 1, 1, 0};
  EXPECT_EQ(world().from_container(kCatWeb, stray.bytes()).action, kShot);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_NO_FLOW), 1U);
}

} // namespace
} // namespace ebpfnet::packet
