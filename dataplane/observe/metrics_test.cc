#include "dataplane/observe/metrics.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

namespace portreeve::observe {

TEST_CASE("cells of all workers are summed") {
  Metrics metrics(2);
  const std::uint32_t index = metrics.ListenerIndex("a/b/http");
  CHECK(metrics.ListenerIndex("a/b/http") == index);
  for (unsigned worker = 0; worker < 2; ++worker) {
    ListenerCells& cells = metrics.listener(worker, index);
    cells.reasons[static_cast<std::size_t>(http::Reason::kNoRoute)].Add(3);
    cells.status_classes[4].Add(3);
    cells.durations[0].Add(3);
  }
  const std::string text = metrics.Expose();
  CHECK(text.find("portreeve_responses_total{listener=\"a/b/http\",origin=\"gateway\",reason=\"no_route\"} 6") !=
        std::string::npos);
  CHECK(text.find("portreeve_response_classes_total{listener=\"a/b/http\",class=\"4xx\"} 6") != std::string::npos);
  CHECK(text.find("portreeve_request_duration_seconds_count{listener=\"a/b/http\"} 6") != std::string::npos);
}

TEST_CASE("backends beyond the bound count together") {
  Metrics metrics(1);
  for (int i = 0; i < 5000; ++i) {
    metrics.backend(0, metrics.BackendIndex("ns/service-" + std::to_string(i) + ":80")).requests.Add(1);
  }
  const std::string text = metrics.Expose();
  CHECK(text.find("portreeve_upstream_requests_total{backend=\"other\"} 4900") != std::string::npos);
  std::size_t series = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    if (text[at] != '#') ++series;
    if (text.find('\n', at) == std::string::npos) break;
  }
  CHECK(series <= 600);
}

}  // namespace portreeve::observe
