// New TCP connections, one after the other: each must be made, answered and closed.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "tests/support/load/sockets.hpp"
#include "tests/support/load/source.hpp"

namespace ebpfnet::load {

class Knock;

class Knocks : public Source {
public:
  // `hz`: new connections a second.
  Knocks(Loop& loop, const sockaddr_in& to, unsigned hz);
  ~Knocks() override;
  void tick(Clock::time_point now) override;
  void stop() override { stopped_ = true; }
  bool idle() const override { return open_.empty(); }
  nlohmann::json report() const override;

private:
  void reap(Clock::time_point now);

  Loop& loop_;
  sockaddr_in to_;
  std::list<std::unique_ptr<Knock>> open_;
  std::map<std::string, std::uint64_t> failed_;
  Pace pace_;
  std::uint64_t made_ = 0;
  Clock::duration slowest_{};
  bool stopped_ = false;
};

} // namespace ebpfnet::load
