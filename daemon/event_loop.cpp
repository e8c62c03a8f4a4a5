#include "daemon/event_loop.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/netlink/monitor.hpp"

namespace ebpfnet {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

// Bursts of events (a container's interfaces come and go) are answered once.
constexpr std::chrono::milliseconds kQuiet(50);

class HostFollower : public std::enable_shared_from_this<HostFollower> {
public:
  HostFollower(asio::io_context& loop, server::WorkerPool& pool, netlink::Monitor monitor,
               std::function<void()> changed)
      : pool_(pool), monitor_(std::move(monitor)), descriptor_(loop, ::dup(monitor_.fd())),
        timer_(loop), changed_(std::move(changed)) {}

  void wait() {
    descriptor_.async_wait(
        Descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
          if (error) {
            return;
          }
          bool resync = false;
          const auto changed = self->monitor_.drain(&resync);
          if (!changed) {
            spdlog::warn("event=netlink_events_lost error={:?}", changed.error().story());
          }
          if (!changed || *changed || resync) {
            self->announce();
          }
          self->wait();
        });
  }

private:
  void announce() {
    timer_.expires_after(kQuiet);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error) {
        return; // a later event took over
      }
      self->pool_.run([self] {
        const std::scoped_lock one_at_a_time(self->mutex_);
        self->changed_();
      });
    });
  }

  server::WorkerPool& pool_;
  netlink::Monitor monitor_;
  Descriptor descriptor_;
  asio::steady_timer timer_;
  std::function<void()> changed_;
  std::mutex mutex_;
};

bool is_readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

// A wait may end for nothing: an event of a descriptor that was closed after the loop took it from
// the kernel goes to the one that was opened in its place (Boost 1.81). So the kernel is asked.
void wait_readable(const std::shared_ptr<Descriptor>& descriptor, server::WorkerPool& pool,
                   std::function<void()> work) {
  descriptor->async_wait(
      Descriptor::wait_read,
      [&pool, descriptor, work = std::move(work)](const boost::system::error_code& error) mutable {
        if (error) {
          return;
        }
        if (is_readable(descriptor->native_handle())) {
          pool.run(std::move(work));
        } else {
          wait_readable(descriptor, pool, std::move(work));
        }
      });
}

} // namespace

network::Scheduler make_scheduler(asio::io_context& loop, server::WorkerPool& pool) {
  network::Scheduler out;
  out.run = [&pool](std::function<void()> work) { pool.run(std::move(work)); };
  out.when_readable = [&loop, &pool](UniqueFd fd, std::function<void()> work) {
    asio::post(loop, [&loop, &pool, raw = fd.release(), work = std::move(work)]() mutable {
      wait_readable(std::make_shared<Descriptor>(loop, raw), pool, std::move(work));
    });
  };
  out.after = [&loop, &pool](int delay_ms, std::function<void()> work) {
    asio::post(loop, [&loop, &pool, delay_ms, work = std::move(work)]() mutable {
      auto timer = std::make_shared<asio::steady_timer>(loop, std::chrono::milliseconds(delay_ms));
      timer->async_wait(
          [&pool, timer, work = std::move(work)](const boost::system::error_code& error) mutable {
            if (!error) {
              pool.run(std::move(work));
            }
          });
    });
  };
  return out;
}

Result<void> follow_host(asio::io_context& loop, server::WorkerPool& pool,
                         std::function<void()> changed) {
  auto monitor = TRY(netlink::Monitor::open(network::Uplinks::is_own));
  std::make_shared<HostFollower>(loop, pool, std::move(monitor), std::move(changed))->wait();
  return {};
}

} // namespace ebpfnet
