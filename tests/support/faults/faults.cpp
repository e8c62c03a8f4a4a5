// Preloaded into a daemon: counts the calls by which it changes the world (netlink requests, BPF
// maps and pins, mounts, files, new processes) and, at the call that a test chose, ends the process
// before it or lets it fail. The test steers through the file named by EBN_FAULTS, mapped by both.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// As in lab/faults.py.
struct Control {
  std::atomic<std::uint32_t> armed;
  std::atomic<std::uint32_t> at;    // 1: the first call; 0: none, count only
  std::atomic<std::uint32_t> error; // 0: the process ends
  std::atomic<std::uint32_t> count; // calls since it was armed
  char struck[112];                 // the call that was hit
};
static_assert(sizeof(Control) == 128);

Control* map_control() {
  const char* path = std::getenv("EBN_FAULTS");
  const int fd = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  void* memory = fd < 0
                     ? MAP_FAILED
                     : ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "libebn-faults: EBN_FAULTS names no control file\n");
    std::abort();
  }
  ::close(fd);
  return static_cast<Control*>(memory);
}

Control& control() {
  static Control* const mapped = map_control();
  return *mapped;
}

template <class Function> Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// True: this call fails with errno set. A call whose turn it is to end the process does not return.
bool strikes(const char* call, const char* what = "") {
  Control& c = control();
  if (c.armed == 0 || c.count.fetch_add(1) + 1 != c.at) {
    return false;
  }
  std::snprintf(c.struck, sizeof c.struck, "%s %s", call, what);
  if (c.error == 0) {
    ::kill(::getpid(), SIGKILL);
    ::pause();
  }
  errno = static_cast<int>(c.error);
  return true;
}

// Requests that ask for something change nothing.
bool changes_links(int fd, const void* data, std::size_t size) {
  int protocol = -1;
  socklen_t length = sizeof protocol;
  nlmsghdr header;
  if (size < sizeof header || ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) != 0 ||
      protocol != NETLINK_ROUTE) {
    return false;
  }
  int domain = -1;
  length = sizeof domain;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
  std::memcpy(&header, data, sizeof header);
  constexpr unsigned kGet = 2; // of the four kinds of each type: new, del, get, set
  return domain == AF_NETLINK && header.nlmsg_type >= NLMSG_MIN_TYPE &&
         (header.nlmsg_type & 3U) != kGet;
}

bool strikes_netlink(int fd, const void* data, std::size_t size) {
  if (!changes_links(fd, data, size)) {
    return false;
  }
  char type[32];
  std::snprintf(type, sizeof type, "type %u", static_cast<const nlmsghdr*>(data)->nlmsg_type);
  return strikes("netlink", type);
}

// Files of the world: not the log on the standard descriptors, nor sockets, pipes and events.
bool strikes_file(const char* call, int fd) {
  struct stat info{};
  if (control().armed == 0 || fd <= STDERR_FILENO || ::fstat(fd, &info) != 0 ||
      !S_ISREG(info.st_mode)) {
    return false;
  }
  char link[32];
  char path[96]{};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (::readlink(link, path, sizeof path - 1) < 0) {
    path[0] = '\0';
  }
  return strikes(call, path);
}

bool changes_bpf(long command) {
  switch (command) {
  case BPF_MAP_UPDATE_ELEM:
  case BPF_MAP_DELETE_ELEM:
  case BPF_OBJ_PIN:
  case BPF_PROG_ATTACH:
  case BPF_PROG_DETACH:
  case BPF_LINK_CREATE:
  case BPF_LINK_UPDATE:
  case BPF_LINK_DETACH:
    return true;
  default:
    return false;
  }
}

} // namespace

#define EBN_NEXT(name) next<decltype(::name)>(#name)

extern "C" {

ssize_t send(int fd, const void* data, size_t size, int flags) {
  static auto* const real = EBN_NEXT(send);
  return strikes_netlink(fd, data, size) ? -1 : real(fd, data, size, flags);
}

ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
               socklen_t length) {
  static auto* const real = EBN_NEXT(sendto);
  return strikes_netlink(fd, data, size) ? -1 : real(fd, data, size, flags, to, length);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static auto* const real = EBN_NEXT(sendmsg);
  const bool hit = message->msg_iovlen > 0 &&
                   strikes_netlink(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
  return hit ? -1 : real(fd, message, flags);
}

long syscall(long number, ...) noexcept {
  static auto* const real = next<long(long, ...)>("syscall");
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) {
    argument = va_arg(list, long);
  }
  va_end(list);
  if (number == SYS_bpf && changes_bpf(a[0])) {
    char command[32];
    std::snprintf(command, sizeof command, "command %ld", a[0]);
    if (strikes("bpf", command)) {
      return -1;
    }
  }
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int mount(const char* source, const char* target, const char* type, unsigned long flags,
          const void* data) noexcept {
  static auto* const real = EBN_NEXT(mount);
  return strikes("mount", target) ? -1 : real(source, target, type, flags, data);
}

int umount2(const char* target, int flags) noexcept {
  static auto* const real = EBN_NEXT(umount2);
  return strikes("umount2", target) ? -1 : real(target, flags);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const real = EBN_NEXT(mkdir);
  return strikes("mkdir", path) ? -1 : real(path, mode);
}

int rmdir(const char* path) noexcept {
  static auto* const real = EBN_NEXT(rmdir);
  return strikes("rmdir", path) ? -1 : real(path);
}

int unlink(const char* path) noexcept {
  static auto* const real = EBN_NEXT(unlink);
  return strikes("unlink", path) ? -1 : real(path);
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  static auto* const real = EBN_NEXT(unlinkat);
  return strikes("unlinkat", path) ? -1 : real(directory, path, flags);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = EBN_NEXT(rename);
  return strikes("rename", to) ? -1 : real(from, to);
}

#define EBN_OPEN(name)                                                                             \
  int name(const char* path, int flags, ...) {                                                     \
    static auto* const real = next<int(const char*, int, ...)>(#name);                             \
    va_list list;                                                                                  \
    va_start(list, flags);                                                                         \
    const unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(list, unsigned) : 0;     \
    va_end(list);                                                                                  \
    return (flags & O_CREAT) != 0 && strikes("open", path) ? -1 : real(path, flags, mode);         \
  }
EBN_OPEN(open)
EBN_OPEN(open64)

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const real = EBN_NEXT(write);
  return strikes_file("write", fd) ? -1 : real(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static auto* const real = EBN_NEXT(pwrite);
  return strikes_file("pwrite", fd) ? -1 : real(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static auto* const real = EBN_NEXT(pwrite64);
  return strikes_file("pwrite", fd) ? -1 : real(fd, data, size, offset);
}

int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = EBN_NEXT(ftruncate);
  return strikes_file("ftruncate", fd) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  static auto* const real = EBN_NEXT(ftruncate64);
  return strikes_file("ftruncate", fd) ? -1 : real(fd, size);
}

int fsync(int fd) {
  static auto* const real = EBN_NEXT(fsync);
  return strikes_file("fsync", fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
  static auto* const real = EBN_NEXT(fdatasync);
  return strikes_file("fdatasync", fd) ? -1 : real(fd);
}

int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const arguments[],
                char* const environment[]) {
  static auto* const real = EBN_NEXT(posix_spawn);
  return strikes("posix_spawn", path)
             ? errno
             : real(pid, path, actions, attributes, arguments, environment);
}

} // extern "C"
