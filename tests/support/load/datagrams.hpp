// UDP with sequence numbers: each datagram must come back once.
#pragma once

#include <memory>
#include <vector>

#include "tests/support/load/sockets.hpp"
#include "tests/support/load/source.hpp"

namespace ebpfnet::load {

class Exchange;

class Datagrams : public Source {
public:
  // `hz`: datagrams a second of each flow.
  Datagrams(Loop& loop, const sockaddr_in& to, unsigned flows, unsigned hz);
  ~Datagrams() override;
  void tick(Clock::time_point now) override;
  void stop() override { stopped_ = true; }
  bool idle() const override;
  nlohmann::json report() const override;

private:
  std::vector<std::unique_ptr<Exchange>> flows_;
  Pace pace_;
  std::size_t next_ = 0; // whose turn it is
  bool stopped_ = false;
};

} // namespace ebpfnet::load
