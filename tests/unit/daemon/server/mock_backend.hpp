// The layer behind the server, replaced: tests say what each request must bring and what it is
// answered. Compiled once, in mock_backend.cpp: GoogleMock's templates are large.
#pragma once

#include <gmock/gmock.h>

#include "daemon/server/backend.hpp"

namespace ebpfnet::server {

class MockBackend : public Backend {
public:
  using Ref = const std::string&;
  MockBackend();
  ~MockBackend() override;
  MOCK_METHOD(Result<Json>, network_create, (const api::NetworkCreate&), (override));
  MOCK_METHOD(Result<Json>, network_list, (const Filters&), (override));
  MOCK_METHOD(Result<Json>, network_inspect, (Ref), (override));
  MOCK_METHOD(Result<Json>, network_remove, (Ref), (override));
  MOCK_METHOD(Result<Json>, network_prune, (const Filters&), (override));
  MOCK_METHOD(Result<Json>, network_connect, (Ref, const api::NetworkConnect&), (override));
  MOCK_METHOD(Result<Json>, network_disconnect, (Ref, const api::NetworkDisconnect&), (override));
  MOCK_METHOD(Result<Json>, sandbox_create, (const api::SandboxCreate&), (override));
  MOCK_METHOD(Result<Json>, sandbox_list, (bool, const Filters&), (override));
  MOCK_METHOD(Result<Json>, sandbox_inspect, (Ref), (override));
  MOCK_METHOD(Result<Json>, sandbox_start, (Ref, const api::SandboxStart&), (override));
  MOCK_METHOD(Result<Json>, sandbox_stop, (Ref, const api::SandboxStop&), (override));
  MOCK_METHOD(Result<Json>, sandbox_restart, (Ref, const api::SandboxStop&), (override));
  MOCK_METHOD(Result<Json>, sandbox_kill, (Ref, const api::SandboxKill&), (override));
  MOCK_METHOD(Result<Json>, sandbox_wait, (Ref, bool, const std::function<bool()>&), (override));
  MOCK_METHOD(Result<Json>, sandbox_remove, (Ref, bool), (override));
  MOCK_METHOD(Result<Json>, sandbox_exec, (Ref, const api::SandboxExec&), (override));
  MOCK_METHOD(Result<void>, sandbox_logs, (Ref, bool, const Sink&), (override));
  MOCK_METHOD(Result<Json>, sandbox_publish, (Ref, const api::PortSpec&), (override));
  MOCK_METHOD(Result<Json>, sandbox_unpublish, (Ref, const api::PortSpec&), (override));
  MOCK_METHOD(Result<Json>, status, (bool), (override));
  MOCK_METHOD(Result<Json>, version, (), (override));
};

} // namespace ebpfnet::server

extern template class testing::StrictMock<ebpfnet::server::MockBackend>;
