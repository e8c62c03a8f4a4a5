// The supervisor's side of the attach protocol: one socket, one client, its three descriptors.
#pragma once

#include <chrono>

#include "daemon/shim/attach.hpp"
#include "daemon/shim/command.hpp"

namespace ebpfnet::shim {

struct AttachedClient {
  UniqueFd socket;
  Stdio stdio;
  WindowSize size;
};

class AttachListener {
public:
  // Mode 0660, owned by root and the group of `run_dir`. The socket's name goes away with the
  // object.
  static Result<AttachListener> listen(const std::filesystem::path& run_dir,
                                       const std::string& name);
  AttachListener(AttachListener&&) = default;
  AttachListener& operator=(AttachListener&&) = delete;
  ~AttachListener();

  // The first client that sends its stdio. Clients that go away before that, or send anything else,
  // are dropped.
  Result<AttachedClient> accept(std::chrono::milliseconds limit);

private:
  AttachListener(UniqueFd socket, std::filesystem::path path)
      : socket_(std::move(socket)), path_(std::move(path)) {}
  UniqueFd socket_;
  std::filesystem::path path_;
};

} // namespace ebpfnet::shim
