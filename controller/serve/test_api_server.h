// A Kubernetes API server in memory, for tests: objects with resourceVersions, merge patches, applied configurations,
// and TokenReviews.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/kube/api_client.h"

namespace portreeve::serve::testing {

// Any thread.
class TestApiServer : public kube::ApiClient {
 public:
  // Sees each request first, without a lock held. A value is the answer.
  using Intercept = std::function<std::optional<absl::StatusOr<kube::ApiResponse>>(const kube::ApiRequest&)>;

  void SetIntercept(Intercept intercept);
  // `status`: JSON, what a TokenReview of this token answers; "": an unknown token again.
  void SetToken(const std::string& token, const std::string& status);
  // As the API server answers for a token that is bound to a pod.
  static std::string BoundToken(std::string_view ns, std::string_view account, std::string_view pod);

  // JSON of the object at this path, "" if there is none.
  std::string Object(const std::string& path) const;
  // Gives it a new resourceVersion.
  void Put(const std::string& path, const std::string& json);
  void Delete(const std::string& path);

  // "PATCH /api/v1/…" without the query, in order.
  std::vector<std::string> requests() const;
  // How many of them begin so.
  int Count(std::string_view beginning) const;

  absl::StatusOr<kube::ApiResponse> Send(const kube::ApiRequest& request) override;
  absl::StatusOr<kube::ApiResponse> Stream(const kube::ApiRequest& request,
                                           const std::function<bool(std::string_view)>& on_bytes) override;
  void Cancel() override {}

 private:
  kube::ApiResponse Create(const std::string& path, const std::string& body);
  kube::ApiResponse MergePatch(const std::string& path, const std::string& body);
  kube::ApiResponse Apply(const std::string& path, const std::string& body);
  kube::ApiResponse Review(const std::string& body) const;
  kube::ApiResponse Store(const std::string& path, const std::string& json, int status);

  mutable std::mutex mutex_;
  Intercept intercept_;
  std::map<std::string, std::string> objects_;
  std::map<std::string, std::string> tokens_;
  std::vector<std::string> requests_;
  int version_ = 0;
};

}  // namespace portreeve::serve::testing
