// Every template that a MockBackend needs, for all tests that use one.
#include "tests/unit/daemon/server/mock_backend.hpp"

namespace ebpfnet::server {

MockBackend::MockBackend() = default;
MockBackend::~MockBackend() = default;

} // namespace ebpfnet::server

template class testing::StrictMock<ebpfnet::server::MockBackend>;
