// Makes the objects that Gateways' data planes consist of, and keeps them as planned.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

#include "controller/kube/api_client.h"
#include "controller/provision/names.h"
#include "controller/provision/observed.h"
#include "controller/provision/placement.h"
#include "controller/provision/plan.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/translator.h"

namespace portreeve::provision {

// Applies what differs from the plan (server-side apply, so that fields of others stay), and nothing else: an object
// that is as we left it costs no request, one that somebody changed is put right, one that isn't planned any more is
// deleted. It touches no object that its Gateway doesn't own.
//
// Gateways that aren't accepted keep what they have; those that belong to another controller now lose it. Only a leader
// writes; the others watch, so that they know where Gateways are reached when their turn comes.
class Provisioner {
 public:
  using Clock = std::chrono::steady_clock;
  using Statuses = translate::StatusSet;

  static constexpr std::chrono::seconds kMaxRetry{60};
  // Who changes an object back and forth is answered ever more slowly.
  static constexpr std::chrono::seconds kMaxRepair{60};
  // So often leadership is asked for without LeadershipChanged.
  static constexpr std::chrono::seconds kLeaderPeriod{1};

  struct Options {
    ProvisionOptions plan;
    std::function<bool()> leader;
    // Where a Gateway ("NS/NAME") is reached, each time it changes; called by the provisioner's thread.
    std::function<void(const std::string& gateway, const Placement& placement)> placed;
    // It isn't provisioned any more.
    std::function<void(const std::string& gateway)> unplaced;
    // Seconds since the epoch.
    std::function<std::int64_t()> wall_clock;
    std::chrono::milliseconds first_retry{1000};
    std::chrono::milliseconds first_repair{1000};
  };

  struct Counts {
    std::uint64_t applied = 0;
    std::uint64_t deleted = 0;
    std::uint64_t failures = 0;
  };

  // `api` must outlive it.
  Provisioner(kube::ApiClient& api, Options options);
  // Waits for a request under way: Cancel the ApiClient first.
  ~Provisioner();
  Provisioner(const Provisioner&) = delete;
  Provisioner& operator=(const Provisioner&) = delete;

  // All of these return at once. Any thread, but each kind's observations in their order.
  //
  // What was translated from `state`, sorted by key.
  void Submit(std::shared_ptr<const store::ClusterState> state, std::shared_ptr<const Statuses> statuses);
  // An object of that kind as it is now, and one that is gone: what a watch on the label
  // app.kubernetes.io/managed-by=portreeve tells.
  void Observe(ObjectKind kind, ObservedObject object);
  void ObserveGone(ObjectKind kind, const std::string& ns, const std::string& name);
  // All objects of the kind that there are have been observed. Until then each is asked for before it is first made.
  void ObservedAll(ObjectKind kind);
  // Options::leader may answer something else now.
  void LeadershipChanged();

  // The Gateway ("NS/NAME") whose data planes run as this ServiceAccount; accepted or not. Any thread.
  std::optional<std::string> GatewayOf(std::string_view ns, std::string_view service_account) const;

  Counts counts() const;

 private:
  using ObjectId = std::tuple<std::string, ObjectKind, std::string>;  // namespace, kind, name
  struct Observation {
    ObjectKind kind;
    // Or the namespace and name of one that is gone.
    std::variant<ObservedObject, gatewayapi::NamespacedName> object;
  };
  // What a plan is made from.
  struct Inputs {
    gatewayapi::Ptr<gatewayapi::Gateway> gateway;
    gatewayapi::DataPlaneConfig::Spec config;
    std::set<std::uint16_t> ports;
    bool operator==(const Inputs&) const = default;
  };
  struct Applied {
    std::string hash;
    std::string projection;
    // For who changes it behind our back.
    Clock::time_point repaired;
    std::chrono::milliseconds repair_wait{0};
  };
  struct Managed {
    std::string ns;
    std::string uid;
    std::optional<Inputs> inputs;  // of the last plan; nothing: never accepted so far
    std::vector<PlannedObject> plan;
    // Its name is another Gateway's.
    std::optional<translate::Objection> refused;
    std::optional<translate::Objection> trouble;
    std::optional<Placement> placement;
    bool dirty = true;
    int failures = 0;
    Clock::time_point due = Clock::time_point::max();
    absl::btree_map<std::pair<ObjectKind, std::string>, Applied> applied;
  };
  struct Failure {
    translate::Objection objection;
    std::chrono::milliseconds patience{0};  // what the API server or common sense asks for
  };

  void Run();
  Clock::time_point Round(bool submitted);
  void TakeObservations(std::vector<Observation> observations);
  void WakeWaiting(const std::string& ns);
  void Replan();
  void ReplanOne(const translate::ObjectStatus& status, const gatewayapi::Ptr<gatewayapi::Gateway>& gateway,
                 const NameTable& names, Managed* managed);
  void Settle(const std::string& gateway, Managed* managed);
  std::optional<Failure> Ensure(const PlannedObject& planned, Managed* managed);
  std::optional<Failure> Look(const PlannedObject& planned, const Managed& managed);
  std::optional<Failure> Apply(const PlannedObject& planned, const ObservedObject* live, Managed* managed);
  std::optional<Failure> Delete(ObjectKind kind, const ObservedObject& object);
  std::optional<Failure> DeleteUnplanned(const Managed& managed);
  void Sweep();
  void UpdatePlacement(const std::string& gateway, Managed* managed);
  const ObservedObject* Find(ObjectKind kind, const std::string& ns, const std::string& name) const;

  kube::ApiClient& api_;
  const Options options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const store::ClusterState> state_;  // guarded by mutex_
  std::shared_ptr<const Statuses> statuses_;          // guarded by mutex_
  std::vector<Observation> observations_;             // guarded by mutex_
  std::set<ObjectKind> complete_;                     // guarded by mutex_
  bool submitted_ = false;                            // guarded by mutex_
  bool dirty_ = false;                                // guarded by mutex_
  bool stopping_ = false;                             // guarded by mutex_
  NameTable names_;                                   // guarded by mutex_
  Counts counts_;                                     // guarded by mutex_

  // Of the thread.
  bool leading_ = false;
  std::shared_ptr<const store::ClusterState> planned_state_;
  std::shared_ptr<const Statuses> planned_statuses_;
  std::set<ObjectKind> known_kinds_;
  absl::btree_map<ObjectId, ObservedObject> observed_;
  absl::btree_map<std::string, Managed> managed_;     // by "NS/NAME" of the Gateway
  absl::btree_map<std::string, std::string> by_uid_;  // of Gateways to those names
  bool sweep_ = false;

  std::thread thread_;
};

}  // namespace portreeve::provision
