// What the tests of the reflector have in common: a server, a reflector of one kind, and what it told.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "controller/kube/fault_api_server.h"
#include "controller/kube/object_table.h"
#include "controller/kube/reflector.h"

namespace portreeve::kube::reflector_test {

using gatewayapi::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Seen = FaultApiServer::Seen;
using Fault = FaultApiServer::Fault;

inline const std::string kRoutes = "/apis/gateway.networking.k8s.io/v1/httproutes";
inline const std::string kMaps = "/api/v1/configmaps";
inline const std::string kGrants = "/apis/gateway.networking.k8s.io/v1beta1/referencegrants";
inline const std::string kCrds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

nlohmann::json Route(const std::string& name, const std::string& path = "/", const std::string& space = "ns");
nlohmann::json Crd(const std::string& name, const std::vector<std::string>& versions);
// Short waits.
ReflectorOptions Quick();

// A server, a reflector of one kind, and what its table told.
class ReflectorRig {
 public:
  explicit ReflectorRig(Kind kind = Kind::kHTTPRoute, FaultApiServer::Options options = {})
      : server(options), kind_(kind) {
    server.ServeAll();
  }
  ~ReflectorRig() { Stop(); }

  void Start(const ReflectorOptions& options = Quick(), const std::string& space = "") {
    client_ = server.NewClient();
    probe_ = std::make_unique<ServerProbe>(nullptr);
    table_ = std::make_unique<ObjectTable>(WatchedKindOf(kind_), [this](TableChanges changes) { Take(changes); });
    table_->SetWanted(std::make_shared<const WantedNames>());
    reflector = std::make_unique<Reflector>(*client_, *probe_, WatchedKindOf(kind_), space, *table_, options,
                                            [this](const ReflectorStatus& status) {
                                              const std::lock_guard lock(mutex_);
                                              statuses_.push_back(status);
                                            });
    reflector->Start();
  }
  void Stop() {
    if (reflector == nullptr) return;
    reflector->BeginStop();
    client_->Cancel();
    reflector->Stop();
    reflector.reset();
    probe_.reset();
  }

  // Waits until exactly these are known, as "ns/name".
  bool Knows(const std::vector<std::string>& names) {
    return Eventually([&] { return Names() == names; });
  }
  std::vector<std::string> Names() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [key, object] : objects_) names.push_back(key.Name().ToString());
    return names;
  }
  bool Watching(const std::string& collection = kRoutes) {
    return Eventually([&] { return server.Watches(collection) == 1; });
  }
  bool Is(WatchState state) {
    return Eventually([&] { return reflector->status().state == state; });
  }
  // "+ns/a" and "-ns/a", since the last call.
  std::vector<std::string> Told() {
    const std::lock_guard lock(mutex_);
    return std::exchange(told_, {});
  }
  std::string PathOf(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find({Kind::kHTTPRoute, "ns", name});
    if (found == objects_.end()) return {};
    return std::get<gatewayapi::Ptr<gatewayapi::HTTPRoute>>(found->second)->spec.rules.at(0).matches.at(0).path.value;
  }
  std::vector<ReflectorStatus> Statuses() {
    const std::lock_guard lock(mutex_);
    return statuses_;
  }
  // Lists of the kind; without those that only look where the server is.
  std::size_t Lists(const std::string& collection = kRoutes) const {
    return server.Count([&](const Seen& seen) {
      return seen.collection == collection && seen.list() && seen.continue_.empty() && seen.limit != "1";
    });
  }

  FaultApiServer server;
  std::unique_ptr<Reflector> reflector;

 private:
  void Take(const TableChanges& changes) {
    const std::lock_guard lock(mutex_);
    for (const source::ResourceEvent& event : changes.events) {
      const bool applied = event.type == source::ResourceEvent::Type::kApplied;
      told_.push_back((applied ? "+" : "-") + event.key.Name().ToString());
      if (applied) {
        objects_[event.key] = event.object;
      } else {
        objects_.erase(event.key);
      }
    }
  }

  const Kind kind_;
  std::unique_ptr<ApiClient> client_;
  std::unique_ptr<ServerProbe> probe_;
  std::unique_ptr<ObjectTable> table_;
  std::mutex mutex_;
  std::map<gatewayapi::ObjectKey, gatewayapi::Object> objects_;
  std::vector<std::string> told_;
  std::vector<ReflectorStatus> statuses_;
};

using Words = std::vector<std::string>;

}  // namespace portreeve::kube::reflector_test
