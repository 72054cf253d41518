// KubeSource: the objects of a cluster, watched; the part that source::FileSource has for a folder.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/kube/api_client.h"
#include "controller/kube/crd_table.h"
#include "controller/kube/object_table.h"
#include "controller/kube/reflector.h"
#include "controller/kube/server_probe.h"
#include "controller/kube/thread.h"
#include "controller/source/source.h"

namespace portreeve::kube {

struct KubeSourceOptions {
  // Namespaced kinds are read in these only; empty: in all.
  std::vector<std::string> watch_namespaces;
  ReflectorOptions reflector;
  std::chrono::milliseconds fetch_deadline{2'000};
  // Later than this, settled() waits no longer for an object that is wanted.
  std::chrono::milliseconds settle_time{2'000};
};

// For metrics.
struct KindReport {
  std::string_view kind;   // "HTTPRoute"
  std::string namespace_;  // empty: all
  ReflectorStatus status;
  std::size_t objects = 0;  // that there are
  std::size_t kept = 0;     // in memory
};

// Read() and the rest of source::Source belong to one thread, as does SetWanted. That thread, in a loop:
//   Read(); if listed(): translate and SetWanted; if complete(): publish what was translated; wait for fd().
// It has to translate before complete(), since only a translation tells which Secrets and ConfigMaps are wanted.
class KubeSource final : public source::Source {
 public:
  // Begins at once. The client is the source's own: it is cancelled with it. The probe outlives the source.
  KubeSource(ServerProbe& probe, std::unique_ptr<ApiClient> client, KubeSourceOptions options);
  ~KubeSource() override;
  KubeSource(const KubeSource&) = delete;
  KubeSource& operator=(const KubeSource&) = delete;

  int fd() const override { return event_fd_; }
  source::SourceBatch Read() override;
  // As of the last Read(), and for good: all that there was has been given, and after listed() what SetWanted named.
  bool complete() const override { return complete_; }
  std::vector<gatewayapi::Problem> AllProblems() const override;
  std::optional<source::SourcePlace> PlaceOf(const gatewayapi::ObjectKey&) const override { return std::nullopt; }

  // As of the last Read(), and for good: each kind has been read once, all but the contents of Secrets and ConfigMaps.
  bool listed() const override { return listed_; }
  // As of the last Read(): nothing that is wanted is still on its way. While it is, what follows from its absence need
  // not be published; fd() tells when it is there, or has taken longer than settle_time.
  bool settled() const override { return settled_; }
  // The Secrets and ConfigMaps that are referred to. Only these are kept; those that are new are fetched if they exist.
  void SetWanted(const std::set<gatewayapi::ObjectKey>& wanted) override;

  // Of the groups that this controller reads; by name. fd() becomes readable when they change. Any thread.
  std::vector<CrdInfo> Crds() const { return crds_->All(); }
  std::string VersionProblem() const override { return ProblemOfVersions(Crds()); }
  // Any thread.
  std::vector<KindReport> Report() const;

 private:
  using Clock = std::chrono::steady_clock;

  // One kind in one namespace, or in all.
  struct Watch {
    std::unique_ptr<ObjectTable> table;  // null for CRDs
    std::unique_ptr<Reflector> reflector;
    bool read = false;  // as its reflector has last told
  };
  struct Fetch {
    Clock::time_point since;
    Clock::time_point due;
    std::chrono::milliseconds wait{};
  };
  using FetchKey = std::pair<Watch*, gatewayapi::NamespacedName>;

  void Add(const WatchedKind& kind, const std::string& namespace_);
  void TakeChanges(Watch& watch, TableChanges changes);
  void TakeStatus(Watch& watch, const ReflectorStatus& status);
  void CrdChanged(const std::string& name);
  void Signal();

  // The thread that fetches what is wanted.
  void Serve();
  Clock::time_point NextDue() const;
  void FetchOne(const FetchKey& key);
  void FetchNow();
  void EndFetch(const FetchKey& key);

  const KubeSourceOptions options_;
  ServerProbe& probe_;
  const std::unique_ptr<ApiClient> client_;
  const int event_fd_;
  std::unique_ptr<CrdTable> crds_;
  std::vector<std::unique_ptr<Watch>> watches_;  // fixed once they run

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::map<gatewayapi::ObjectKey, source::ResourceEvent> pending_;
  std::map<gatewayapi::ObjectKey, std::vector<gatewayapi::Problem>> problems_;
  std::vector<gatewayapi::Problem> new_problems_;
  std::map<FetchKey, Fetch> fetches_;
  bool wanted_told_ = false;  // since everything was listed

  // The reading thread's own.
  bool listed_ = false;
  bool complete_ = false;
  bool settled_ = false;
  std::map<gatewayapi::Kind, std::shared_ptr<const WantedNames>> wanted_;

  ServerProbe::Caller server_;
  Thread thread_;
};

}  // namespace portreeve::kube
