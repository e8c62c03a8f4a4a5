// ebpfnet-shim: the supervisor of one sandbox's process. Started by `launch` only: fd 3 holds its
// orders (JSON), fd 4 is the socket on which the launcher waits. Puts itself out of the launcher's
// reach, then supervises.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "daemon/shim/attach.hpp"
#include "daemon/shim/file_io.hpp"
#include "daemon/shim/launcher.hpp"
#include "daemon/shim/supervisor.hpp"

namespace ebpfnet::shim {
namespace {

Result<ShimSpec> read_orders() {
  const UniqueFd fd(kSpecFd);
  const std::string orders = TRY(read_all(fd.get()));
  ShimSpec spec = TRY(spec_from_json(orders));
  for (const int kept : {kLauncherFd, spec.netns_fd, spec.target_fd}) {
    if (kept >= 0 && ::fcntl(kept, F_SETFD, FD_CLOEXEC) != 0) {
      return fail_errno(errno, "fd {} of the supervisor", kept);
    }
  }
  return spec;
}

int run() {
  const auto spec = read_orders();
  if (!spec) {
    std::fprintf(stderr, "ebpfnet-shim is started by ebpfnetd: %s\n", spec.error().story().c_str());
    std::ignore = send_message(kLauncherFd, failed_message(spec.error()));
    return 125;
  }
  const pid_t child = ::fork();
  if (child != 0) {
    ::_exit(child > 0
                ? 0
                : 125); // the launcher reaps this one and never becomes the supervisor's parent
  }
  if (::setsid() < 0 || ::chdir("/") != 0) {
    return 125;
  }
  ::umask(0027);
  supervise(*spec, UniqueFd(kLauncherFd));
  return 0;
}

} // namespace
} // namespace ebpfnet::shim

int main() {
  try {
    return ebpfnet::shim::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ebpfnet-shim: %s\n", error.what());
    return 125;
  }
}
