// The steering of 127.0.0.11:53 on lo of a sandbox.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

class TcOnLoopback : public PacketTest {
protected:
  static constexpr std::uint32_t kLo = 1;
  Frame on_loopback(const char* from, std::uint16_t sport, const char* to, std::uint16_t dport,
                    Frame frame) {
    frame.src = ip(from);
    frame.dst = ip(to);
    frame.sport = sport;
    frame.dport = dport;
    return frame;
  }
  void expect(const Frame& sent, const Frame& expected) {
    const Outcome out = world().run("tc_on_loopback", sent.bytes(), kLo);
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, expected.bytes());
  }
};

TEST_F(TcOnLoopback, SteersQuestionsToTheDaemonAndItsAnswersBack) {
  for (const Frame& kind : {udp(), tcp(kSyn)}) {
    const Frame question = on_loopback("127.0.0.1", 40000, "127.0.0.11", 53, kind);
    Frame steered = question;
    steered.dport = world().config().dns_port;
    expect(question, steered);
    Frame answer = answer_to(steered, kind);
    Frame seen = answer;
    seen.sport = 53;
    expect(answer, seen);
  }
}

TEST_F(TcOnLoopback, LeavesEverythingElseAlone) {
  for (const Frame& kind : {udp(), tcp(kSyn)}) {
    for (const Frame& frame : {on_loopback("127.0.0.1", 40000, "127.0.0.1", 53, kind),
                               on_loopback("127.0.0.1", 40000, "127.0.0.11", 54, kind),
                               on_loopback("127.0.0.1", 5353, "127.0.0.1", 40000, kind)}) {
      expect(frame, frame);
    }
  }
  const Frame ping = on_loopback("127.0.0.1", 0, "127.0.0.11", 0, echo(53));
  expect(ping, ping);
}

TEST_F(TcOnLoopback, LeavesCutPacketsAlone) {
  const Bytes bytes = on_loopback("127.0.0.1", 40000, "127.0.0.11", 53, udp()).bytes();
  for (std::size_t length = 34; length < bytes.size(); ++length) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<long>(length));
    const Outcome out = world().run("tc_on_loopback", cut, kLo);
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, cut);
  }
}

} // namespace
} // namespace ebpfnet::packet
