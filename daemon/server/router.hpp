// Finds the handler of a request: one row per method and pattern, rows tried in the order in which
// they were added.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/server/http.hpp"

namespace ebpfnet::server {

class Router {
public:
  // `pattern` is a path such as "/v1/networks/{ref}"; a {name} takes one segment that is not empty.
  void add(std::string method, std::string_view pattern, Handler handler);

  struct Match {
    const Handler* handler = nullptr; // owned by the router; null: no row
    std::string_view route;           // its pattern, owned by the router
    std::map<std::string, std::string> path;
    std::string
        allow; // without handler: "GET, DELETE" when the path exists for other methods, else empty
  };
  Match find(std::string_view method, const std::vector<std::string>& segments) const;

private:
  struct Row {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Row> rows_;
};

} // namespace ebpfnet::server
