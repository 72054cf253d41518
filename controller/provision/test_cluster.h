// An API server in memory, for tests of the provisioner: server-side apply, reads and deletes by path.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/kube/api_client.h"

namespace portreeve::provision::testing {

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
  std::vector<std::string> paths() const;
  // What somebody else does: `change` is merged into the object, or makes it.
  void Change(const std::string& path, const nlohmann::ordered_json& change);
  void Delete(const std::string& path);

  // "PATCH /apis/…" without the query, in order.
  std::vector<std::string> requests() const;
  int Count(std::string_view beginning) const;
  bool WaitFor(const std::function<bool()>& done) const;

  absl::StatusOr<kube::ApiResponse> Send(const kube::ApiRequest& request) override;
  absl::StatusOr<kube::ApiResponse> Stream(const kube::ApiRequest& request,
                                           const std::function<bool(std::string_view)>& on_bytes) override;
  void Cancel() override {}

 private:
  struct State;
  kube::ApiResponse Answer(const kube::ApiRequest& request, const std::string& path);

  mutable std::mutex mutex_;
  std::unique_ptr<State> state_;
};

}  // namespace portreeve::provision::testing
