// What waits on the daemon's loop: work runs when its descriptor is readable, and only then.
#include "daemon/event_loop.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

namespace ebpfnet {
namespace {

struct Pipe {
  UniqueFd reader, writer;
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  void fill() { EXPECT_EQ(::write(writer.get(), "x", 1), 1); }
};

class EventLoop : public testing::Test {
protected:
  boost::asio::io_context loop_{1};
  std::unique_ptr<server::WorkerPool> pool_ = *server::WorkerPool::create({});
  network::Scheduler scheduler_ = make_scheduler(loop_, *pool_);
  std::atomic<int> ran_ = 0;
};

TEST_F(EventLoop, RunsWorkOnceWhenItsDescriptorIsReadable) {
  Pipe pipe;
  pipe.fill();
  scheduler_.when_readable(std::move(pipe.reader), [this] { ++ran_; });
  loop_.run();
  pool_.reset();
  EXPECT_EQ(ran_, 1);
}

// The loop has taken the event of the first descriptor from the kernel when that is closed and the
// second comes in its place.
TEST_F(EventLoop, AnEventOfAClosedDescriptorIsNotTakenForTheNextOne) {
  using Descriptor = boost::asio::posix::stream_descriptor;
  Pipe closed;
  Pipe quiet;
  closed.fill();
  auto first = std::make_unique<Descriptor>(loop_, closed.reader.release());
  first->async_wait(Descriptor::wait_read, [](const boost::system::error_code&) {});
  boost::asio::post(loop_, [&] { first.reset(); });
  scheduler_.when_readable(std::move(quiet.reader), [this] { ++ran_; });
  loop_.poll();
  ASSERT_FALSE(loop_.stopped()) << "the wait is over, for nothing";
  quiet.fill();
  loop_.run();
  pool_.reset();
  EXPECT_EQ(ran_, 1);
}

} // namespace
} // namespace ebpfnet
