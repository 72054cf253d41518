#include "controller/serve/test_api_server.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace portreeve::serve::testing {
namespace {

using Json = nlohmann::json;

kube::ApiResponse Failure(int status, const char* message) {
  return {status, Json({{"kind", "Status"}, {"status", "Failure"}, {"message", message}}).dump(), std::nullopt};
}

}  // namespace

void TestApiServer::SetIntercept(Intercept intercept) {
  std::lock_guard lock(mutex_);
  intercept_ = std::move(intercept);
}

void TestApiServer::SetToken(const std::string& token, const std::string& status) {
  std::lock_guard lock(mutex_);
  tokens_[token] = status;
}

std::string TestApiServer::BoundToken(std::string_view ns, std::string_view account, std::string_view pod) {
  const std::string name = "system:serviceaccount:" + std::string(ns) + ":" + std::string(account);
  return Json({{"authenticated", true},
               {"audiences", Json::array({"portreeve.dev"})},
               {"user",
                {{"username", name},
                 {"uid", "1"},
                 {"groups", Json::array({"system:serviceaccounts"})},
                 {"extra", {{"authentication.kubernetes.io/pod-name", Json::array({pod})}}}}}})
      .dump();
}

std::string TestApiServer::Object(const std::string& path) const {
  std::lock_guard lock(mutex_);
  const auto found = objects_.find(path);
  return found == objects_.end() ? "" : found->second;
}

void TestApiServer::Put(const std::string& path, const std::string& json) {
  std::lock_guard lock(mutex_);
  Store(path, json, 200);
}

void TestApiServer::Delete(const std::string& path) {
  std::lock_guard lock(mutex_);
  objects_.erase(path);
}

std::vector<std::string> TestApiServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

int TestApiServer::Count(std::string_view beginning) const {
  const std::vector<std::string> all = requests();
  return static_cast<int>(
      std::ranges::count_if(all, [&](const std::string& request) { return request.starts_with(beginning); }));
}

absl::StatusOr<kube::ApiResponse> TestApiServer::Send(const kube::ApiRequest& request) {
  const std::string path = request.path.substr(0, request.path.find('?'));
  Intercept intercept;
  {
    std::lock_guard lock(mutex_);
    requests_.push_back(request.method + " " + path);
    intercept = intercept_;
  }
  if (intercept) {
    if (auto answer = intercept(request)) return *std::move(answer);
  }
  std::lock_guard lock(mutex_);
  if (path == "/apis/authentication.k8s.io/v1/tokenreviews") return Review(request.body);
  if (request.method == "POST") return Create(path, request.body);
  if (request.content_type == "application/merge-patch+json") return MergePatch(path, request.body);
  if (request.content_type == "application/apply-patch+yaml") return Apply(path, request.body);
  const auto found = objects_.find(path);
  if (found == objects_.end()) return Failure(404, "not found");
  return kube::ApiResponse{200, found->second, std::nullopt};
}

absl::StatusOr<kube::ApiResponse> TestApiServer::Stream(const kube::ApiRequest&,
                                                        const std::function<bool(std::string_view)>&) {
  return absl::UnimplementedError("no watches here");
}

kube::ApiResponse TestApiServer::Create(const std::string& path, const std::string& body) {
  const std::string at = path + "/" + Json::parse(body).at("metadata").at("name").get<std::string>();
  if (objects_.contains(at)) return Failure(409, "already exists");
  return Store(at, body, 201);
}

kube::ApiResponse TestApiServer::MergePatch(const std::string& path, const std::string& body) {
  const auto found = objects_.find(path);
  if (found == objects_.end()) return Failure(404, "not found");
  Json object = Json::parse(found->second);
  const Json patch = Json::parse(body);
  const Json::json_pointer version("/metadata/resourceVersion");
  if (patch.contains(version) && patch.at(version) != object.at(version)) {
    return Failure(409, "the object has been modified");
  }
  object.merge_patch(patch);
  return Store(path, object.dump(), 200);
}

// One manager applies here, so what it says is all there is.
kube::ApiResponse TestApiServer::Apply(const std::string& path, const std::string& body) {
  const int status = objects_.contains(path) ? 200 : 201;
  return Store(path, body, status);
}

kube::ApiResponse TestApiServer::Review(const std::string& body) const {
  Json review = Json::parse(body);
  const auto found = tokens_.find(review.at("spec").at("token").get<std::string>());
  if (found == tokens_.end() || found->second.empty()) {
    review["status"] = {{"user", Json::object()}, {"error", "invalid bearer token"}};
  } else {
    review["status"] = Json::parse(found->second);
  }
  return {201, review.dump(), std::nullopt};
}

kube::ApiResponse TestApiServer::Store(const std::string& path, const std::string& json, int status) {
  Json object = Json::parse(json);
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  objects_[path] = object.dump();
  return {status, objects_[path], std::nullopt};
}

}  // namespace portreeve::serve::testing
