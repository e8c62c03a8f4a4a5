// The values of one metric on their way into the text of a scrape. Written by prometheus-cpp's
// serializer in pieces, so that 100000 values are never in memory as objects at once.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ebpfnet::metrics {

using MetricType = prometheus::MetricType;

class Samples {
public:
  using Labels = std::initializer_list<std::pair<const char*, std::string_view>>;

  // Appends to `out`, which must outlive this object.
  Samples(std::string& out, const char* name, MetricType type, const char* help);
  // Writes what is still to be written; nothing, also no header, for a metric without values.
  ~Samples();
  Samples(const Samples&) = delete;
  Samples& operator=(const Samples&) = delete;

  void add(Labels labels, double value);
  void add_histogram(Labels labels, const prometheus::ClientMetric& histogram);

private:
  void put(Labels labels, prometheus::ClientMetric metric);
  void flush();

  std::string& out_;
  prometheus::MetricFamily family_;
  bool headed_ = false;
};

// A label's value in ASCII: other bytes, which names of interfaces may have, as \xNN. Prometheus
// refuses a whole scrape for one value that is not UTF-8.
std::string label_value(std::string_view text);

} // namespace ebpfnet::metrics
