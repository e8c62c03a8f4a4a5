// ebn-load: traffic between two programs that counts every loss.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/support/load/driver.hpp"
#include "tests/support/load/server.hpp"

namespace {

volatile std::sig_atomic_t stop = 0;

} // namespace

int main(int argc, char** argv) {
  std::string address;
  std::uint16_t port = 0;
  ebpfnet::load::Rates rates;
  CLI::App app("traffic between two programs that counts every loss", "ebn-load");
  app.require_subcommand(1);
  auto* serve = app.add_subcommand("serve", "send back what comes, over TCP and UDP");
  serve->add_option("PORT", port)->required();
  auto* drive =
      app.add_subcommand("drive", "send to a server until SIGTERM, then tell what came back");
  drive->add_option("ADDRESS", address)->required();
  drive->add_option("PORT", port)->required();
  drive->add_option("--streams", rates.streams, "long TCP connections");
  drive->add_option("--stream-hz", rates.stream_hz, "messages a second on each");
  drive->add_option("--datagrams", rates.datagrams, "UDP flows");
  drive->add_option("--datagram-hz", rates.datagram_hz, "datagrams a second of each");
  drive->add_option("--knock-hz", rates.knock_hz, "new TCP connections a second");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGTERM, [](int) { stop = 1; });
  std::signal(SIGINT, [](int) { stop = 1; });
  try {
    if (*serve) {
      ebpfnet::load::serve(port, stop);
    } else {
      ebpfnet::load::drive(address, port, rates, stop);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ebn-load: %s\n", error.what());
    return 1;
  }
  return 0;
}
