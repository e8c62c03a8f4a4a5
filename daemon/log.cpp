#include "daemon/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace ebpfnet {
namespace {

constexpr const char* kJsonLog = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%v"})";

} // namespace

std::shared_ptr<metrics::EventCounts> set_up_log(const Config& config) {
  auto shown = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto counted = std::make_shared<metrics::EventCounts>();
  auto logger =
      std::make_shared<spdlog::logger>("ebpfnetd", spdlog::sinks_init_list{shown, counted});
  logger->set_pattern(config.log_format == "json" ? kJsonLog : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                      spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
  set_log_level(config.log_level);
  return counted;
}

void set_log_level(const std::string& level) {
  const auto wanted = spdlog::level::from_str(level);
  auto logger = spdlog::default_logger();
  logger->sinks().front()->set_level(wanted); // the one that shows
  logger->set_level(std::min(wanted, spdlog::level::info));
}

} // namespace ebpfnet
