#include "controller/status/test_cluster.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace portreeve::status::testing {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kStatusSuffix = "/status";

kube::ApiResponse Failure(int status, const char* message) {
  return {status, Json({{"kind", "Status"}, {"status", "Failure"}, {"message", message}}).dump(), std::nullopt};
}

}  // namespace

struct TestCluster::State {
  struct Request {
    std::string line;
    std::string body;
  };
  Intercept intercept;
  std::map<std::string, Json> objects;
  std::vector<Request> requests;
  int version = 0;

  std::string Store(const std::string& path, Json object) {
    const std::string text = std::to_string(++version);
    object["metadata"]["resourceVersion"] = text;
    objects[path] = std::move(object);
    return text;
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

std::string TestCluster::Put(const std::string& path, const Json& object) {
  std::lock_guard lock(mutex_);
  return state_->Store(path, object);
}

void TestCluster::Delete(const std::string& path) {
  std::lock_guard lock(mutex_);
  state_->objects.erase(path);
}

std::vector<std::string> TestCluster::requests() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  for (const State::Request& request : state_->requests) lines.push_back(request.line);
  return lines;
}

int TestCluster::Count(std::string_view beginning) const {
  const std::vector<std::string> all = requests();
  return static_cast<int>(
      std::ranges::count_if(all, [&](const std::string& line) { return line.starts_with(beginning); }));
}

std::vector<Json> TestCluster::Bodies(std::string_view beginning) const {
  std::lock_guard lock(mutex_);
  std::vector<Json> bodies;
  for (const State::Request& request : state_->requests) {
    if (request.line.starts_with(beginning)) bodies.push_back(Json::parse(request.body, nullptr, false));
  }
  return bodies;
}

bool TestCluster::WaitFor(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!done()) {
    std::unique_lock lock(mutex_);
    // What it asks for may come about without a request, too.
    changed_.wait_for(lock, std::chrono::milliseconds(5));
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

void TestCluster::Nudge() {
  changed_.notify_all();
}

absl::StatusOr<kube::ApiResponse> TestCluster::Send(const kube::ApiRequest& request) {
  const std::string path = request.path.substr(0, request.path.find('?'));
  Intercept intercept;
  {
    std::lock_guard lock(mutex_);
    state_->requests.push_back({request.method + " " + path, request.body});
    intercept = state_->intercept;
  }
  absl::StatusOr<kube::ApiResponse> response = kube::ApiResponse();
  std::optional<absl::StatusOr<kube::ApiResponse>> intercepted;
  if (intercept) intercepted = intercept(request);
  if (intercepted.has_value()) {
    response = *std::move(intercepted);
  } else {
    std::lock_guard lock(mutex_);
    response = Answer(request, path);
  }
  changed_.notify_all();
  return response;
}

kube::ApiResponse TestCluster::Answer(const kube::ApiRequest& request, std::string path) {
  const bool of_status = path.ends_with(kStatusSuffix);
  if (of_status) path.resize(path.size() - kStatusSuffix.size());
  if (request.method == "POST") {
    Json object = Json::parse(request.body);
    path += "/" + object["metadata"]["name"].get<std::string>();
    if (state_->objects.contains(path)) return Failure(409, "it exists already");
    state_->Store(path, std::move(object));
    return {201, state_->objects[path].dump(), std::nullopt};
  }
  const auto found = state_->objects.find(path);
  if (found == state_->objects.end()) return Failure(404, "not found");
  if (request.method == "GET") return {200, found->second.dump(), std::nullopt};
  if (request.method != "PATCH" || request.content_type != "application/merge-patch+json") {
    return Failure(415, "not here");
  }
  const Json patch = Json::parse(request.body);
  const std::string version = patch.value("metadata", Json::object()).value("resourceVersion", "");
  if (!version.empty() && found->second["metadata"]["resourceVersion"] != Json(version)) {
    return Failure(409, "the object has been modified");
  }
  Json object = found->second;
  if (of_status) {
    object["status"].merge_patch(patch.value("status", Json::object()));
  } else {
    object.merge_patch(patch);
  }
  // An update that changes nothing makes no new version.
  if (object != found->second) state_->Store(path, std::move(object));
  return {200, state_->objects[path].dump(), std::nullopt};
}

absl::StatusOr<kube::ApiResponse> TestCluster::Stream(const kube::ApiRequest&,
                                                      const std::function<bool(std::string_view)>&) {
  return absl::UnimplementedError("no watches here");
}

}  // namespace portreeve::status::testing
