#include "controller/provision/test_cluster.h"

#include <algorithm>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <utility>

namespace portreeve::provision::testing {
namespace {

using Json = nlohmann::ordered_json;

kube::ApiResponse Failure(int status, const char* message) {
  return {status, Json({{"kind", "Status"}, {"status", "Failure"}, {"message", message}}).dump(), std::nullopt};
}

}  // namespace

struct TestCluster::State {
  Intercept intercept;
  std::map<std::string, Json> objects;
  std::vector<std::string> requests;
  int version = 0;
  std::condition_variable changed;

  void Merge(const std::string& path, const Json& change) {
    Json& object = objects[path];
    const Json before = object;
    object.merge_patch(change);
    if (object == before) return;
    object["metadata"]["resourceVersion"] = std::to_string(++version);
    if (!object["metadata"].contains("uid")) object["metadata"]["uid"] = "uid-" + std::to_string(version);
  }
};

TestCluster::TestCluster() : state_(std::make_unique<State>()) {}
TestCluster::~TestCluster() = default;

void TestCluster::SetIntercept(Intercept intercept) {
  std::lock_guard lock(mutex_);
  state_->intercept = std::move(intercept);
}

Json TestCluster::Object(const std::string& path) const {
  std::lock_guard lock(mutex_);
  const auto found = state_->objects.find(path);
  return found == state_->objects.end() ? Json() : found->second;
}

std::vector<std::string> TestCluster::paths() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, object] : state_->objects) paths.push_back(path);
  return paths;
}

void TestCluster::Change(const std::string& path, const Json& change) {
  std::lock_guard lock(mutex_);
  state_->Merge(path, change);
}

void TestCluster::Delete(const std::string& path) {
  std::lock_guard lock(mutex_);
  state_->objects.erase(path);
}

std::vector<std::string> TestCluster::requests() const {
  std::lock_guard lock(mutex_);
  return state_->requests;
}

int TestCluster::Count(std::string_view beginning) const {
  const std::vector<std::string> all = requests();
  return static_cast<int>(
      std::ranges::count_if(all, [&](const std::string& line) { return line.starts_with(beginning); }));
}

bool TestCluster::WaitFor(const std::function<bool()>& done) const {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!done()) {
    std::unique_lock lock(mutex_);
    // What it asks for may come about without a request, too.
    state_->changed.wait_for(lock, std::chrono::milliseconds(5));
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

absl::StatusOr<kube::ApiResponse> TestCluster::Send(const kube::ApiRequest& request) {
  const std::string path = request.path.substr(0, request.path.find('?'));
  Intercept intercept;
  {
    std::lock_guard lock(mutex_);
    state_->requests.push_back(request.method + " " + path);
    intercept = state_->intercept;
  }
  std::optional<absl::StatusOr<kube::ApiResponse>> response;
  if (intercept) response = intercept(request);
  if (!response.has_value()) {
    std::lock_guard lock(mutex_);
    response = Answer(request, path);
  }
  state_->changed.notify_all();
  return *std::move(response);
}

kube::ApiResponse TestCluster::Answer(const kube::ApiRequest& request, const std::string& path) {
  if (request.method == "PATCH") {
    if (request.content_type != "application/apply-patch+yaml" ||
        request.path.find("fieldManager=portreeve-controller&force=true") == std::string::npos) {
      return Failure(415, "apply only");
    }
    const int status = state_->objects.contains(path) ? 200 : 201;
    state_->Merge(path, Json::parse(request.body));
    return {status, state_->objects[path].dump(), std::nullopt};
  }
  const auto found = state_->objects.find(path);
  if (found == state_->objects.end()) return Failure(404, "not found");
  if (request.method == "GET") return {200, found->second.dump(), std::nullopt};
  if (request.method != "DELETE") return Failure(405, "not here");
  const Json options = Json::parse(request.body);
  if (options["preconditions"]["uid"] != found->second["metadata"]["uid"]) return Failure(409, "another object");
  state_->objects.erase(found);
  return {200, "{}", std::nullopt};
}

absl::StatusOr<kube::ApiResponse> TestCluster::Stream(const kube::ApiRequest&,
                                                      const std::function<bool(std::string_view)>&) {
  return absl::UnimplementedError("no watches here");
}

}  // namespace portreeve::provision::testing
