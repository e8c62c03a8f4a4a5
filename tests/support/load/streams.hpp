// Long TCP connections with many messages each way; every byte that comes back is compared.
#pragma once

#include <memory>
#include <vector>

#include "tests/support/load/sockets.hpp"
#include "tests/support/load/source.hpp"

namespace ebpfnet::load {

class Stream;

class Streams : public Source {
public:
  // `hz`: messages a second on each connection.
  Streams(Loop& loop, const sockaddr_in& to, unsigned connections, unsigned hz);
  ~Streams() override;
  void tick(Clock::time_point now) override;
  void stop() override { stopped_ = true; }
  bool idle() const override;
  bool established() const;
  nlohmann::json report() const override;

private:
  std::vector<std::unique_ptr<Stream>> streams_;
  Pace pace_;
  std::size_t next_ = 0; // whose turn it is
  bool stopped_ = false;
};

} // namespace ebpfnet::load
