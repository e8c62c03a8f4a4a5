#include "daemon/shim/file_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

#include "maps/types/unique_fd.hpp"

namespace ebpfnet::shim {
namespace {

Failure with_room_hint(Failure failure) {
  const int code = failure.error().sys_errno;
  if (code == ENOSPC || code == EDQUOT) {
    failure.error().hint = "free space on that file system";
  }
  return failure;
}

} // namespace

Result<std::string> read_all(int fd) {
  std::string content;
  std::array<char, 4096> chunk;
  while (true) {
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count > 0) {
      content.append(chunk.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      return content;
    } else if (errno != EINTR) {
      return fail_errno(errno, "read");
    }
  }
}

Result<std::string> read_file(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "open '{}'", path.string());
  }
  auto content = read_all(fd.get());
  if (!content) {
    return Failure(std::move(content).error().wrap(fmt::format("'{}'", path.string())));
  }
  return content;
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return with_room_hint(fail_errno(errno, "write"));
    }
  }
  return {};
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view content,
                          Durability durability) {
  const std::string temporary = path.string() + ".new";
  {
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) {
      return with_room_hint(fail_errno(errno, "create '{}'", temporary));
    }
    if (auto written = write_all(fd.get(), content); !written) {
      ::unlink(temporary.c_str());
      return Failure(std::move(written).error().wrap(fmt::format("'{}'", temporary)));
    }
    if (durability == Durability::synced && ::fsync(fd.get()) != 0) {
      return with_room_hint(fail_errno(errno, "fsync '{}'", temporary));
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail_errno(errno, "rename '{}' to '{}'", temporary, path.string());
  }
  if (durability == Durability::synced) {
    const UniqueFd folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) {
      return fail_errno(errno, "fsync '{}'", path.parent_path().string());
    }
  }
  return {};
}

} // namespace ebpfnet::shim
