// One request to the Kubernetes API server at a time, or one watch: what reflectors, the status writer, the provisioner
// and the elector are built on. Tests put a scripted one in its place.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace portreeve::kube {

struct ApiRequest {
  std::string method = "GET";
  // With its query: "/api/v1/namespaces/ns/secrets?limit=500".
  std::string path;
  // Of the body: "application/json", "application/merge-patch+json", "application/apply-patch+yaml".
  std::string content_type;
  std::string body;
  // From the connection to the last byte.
  std::chrono::milliseconds deadline{10'000};
};

struct ApiResponse {
  int status = 0;
  std::string body;
  // What the server asks for with 429 and 503.
  std::optional<std::chrono::seconds> retry_after;

  bool ok() const { return status >= 200 && status < 300; }
};

// Any thread; each call blocks its own.
class ApiClient {
 public:
  virtual ~ApiClient() = default;

  // An error: no whole answer came (no connection, TLS, a deadline). Whatever the server answers is an ApiResponse.
  virtual absl::StatusOr<ApiResponse> Send(const ApiRequest& request) = 0;

  // Gives the body of the answer to `on_bytes` as it comes, until it ends, `on_bytes` returns false, nothing has come
  // for `request.deadline`, or Cancel. A status that isn't 2xx comes back with its body, which on_bytes doesn't see.
  virtual absl::StatusOr<ApiResponse> Stream(const ApiRequest& request,
                                             const std::function<bool(std::string_view)>& on_bytes) = 0;

  // Ends every call under way and refuses later ones. Idempotent.
  virtual void Cancel() = 0;
};

// The message of a Kubernetes Status object, or the start of the body; for logs. Never holds a request's bytes.
std::string ReasonOf(const ApiResponse& response);

// 403 to who makes something in a namespace that is on its way out: no role helps.
bool IsNamespaceEnding(const ApiResponse& response);

}  // namespace portreeve::kube
