#include "daemon/metrics/samples.hpp"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <sstream>

namespace ebpfnet::metrics {
namespace {

constexpr std::size_t kPiece = 512;

} // namespace

Samples::Samples(std::string& out, const char* name, MetricType type, const char* help)
    : out_(out) {
  family_.name = name;
  family_.help = help;
  family_.type = type;
}

Samples::~Samples() {
  flush();
}

void Samples::add(Labels labels, double value) {
  prometheus::ClientMetric metric;
  (family_.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  put(labels, std::move(metric));
}

void Samples::add_histogram(Labels labels, const prometheus::ClientMetric& histogram) {
  prometheus::ClientMetric metric;
  metric.histogram = histogram.histogram;
  put(labels, std::move(metric));
}

void Samples::put(Labels labels, prometheus::ClientMetric metric) {
  for (const auto& [name, value] : labels) {
    metric.label.push_back({name, label_value(value)});
  }
  family_.metric.push_back(std::move(metric));
  if (family_.metric.size() == kPiece) {
    flush();
  }
}

void Samples::flush() {
  if (family_.metric.empty()) {
    return;
  }
  std::ostringstream piece;
  prometheus::TextSerializer().Serialize(piece, {family_});
  std::string_view text = piece.view();
  // Every piece comes with the two lines HELP and TYPE; a metric has them once.
  for (int line = 0; headed_ && line < 2; ++line) {
    text.remove_prefix(text.find('\n') + 1);
  }
  out_ += text;
  headed_ = true;
  family_.metric.clear();
}

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  return out;
}

} // namespace ebpfnet::metrics
