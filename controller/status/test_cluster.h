// An API server in memory, for tests: objects by path with resourceVersions, merge patches of objects and of their
// status, creation of events.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/kube/api_client.h"

namespace portreeve::status::testing {

constexpr std::chrono::seconds kDeadline(20);

// Any thread.
class TestCluster : public kube::ApiClient {
 public:
  // Sees each request first. A value is the answer; without one the server answers.
  using Intercept = std::function<std::optional<absl::StatusOr<kube::ApiResponse>>(const kube::ApiRequest&)>;

  TestCluster();
  ~TestCluster() override;

  void SetIntercept(Intercept intercept);

  // JSON of the object, null if there is none.
  nlohmann::ordered_json Object(const std::string& path) const;
  // Stores it under a new resourceVersion, which is returned.
  std::string Put(const std::string& path, const nlohmann::ordered_json& object);
  void Delete(const std::string& path);

  // "PATCH /apis/…" without the query, in order.
  std::vector<std::string> requests() const;
  int Count(std::string_view beginning) const;
  // Bodies of the requests that begin so.
  std::vector<nlohmann::ordered_json> Bodies(std::string_view beginning) const;
  // Until `done`, which is asked after each request; false: not in time.
  bool WaitFor(const std::function<bool()>& done);
  // Ask `done` of WaitFor again.
  void Nudge();

  absl::StatusOr<kube::ApiResponse> Send(const kube::ApiRequest& request) override;
  absl::StatusOr<kube::ApiResponse> Stream(const kube::ApiRequest& request,
                                           const std::function<bool(std::string_view)>& on_bytes) override;
  void Cancel() override {}

 private:
  struct State;
  kube::ApiResponse Answer(const kube::ApiRequest& request, std::string path);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<State> state_;
};

}  // namespace portreeve::status::testing
