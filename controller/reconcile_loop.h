// From what a source says to what data planes are sent.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/serve/snapshot_cache.h"
#include "controller/source/source.h"
#include "controller/store/resource_store.h"
#include "controller/translate/translator.h"

namespace portreeve {

// Waits for changes, takes them all, translates, publishes, and waits again: at once when idle, and what comes during a
// translation is one batch after it. Nothing is published before everything has been loaded once. Logs each condition
// that turns bad and each problem once, for as long as it stands.
class ReconcileLoop {
 public:
  using Clock = std::chrono::steady_clock;

  struct Round {
    Clock::time_point since;           // when the first event was read that is new in it
    Clock::duration translate_time{};  // of the last translation
    std::size_t refused = 0;           // objects of which a condition complains
  };

  // Told by the loop's thread what was translated, once it is published; its resources are in the cache by then.
  using Observer = std::function<void(const std::shared_ptr<const store::ClusterState>&, const translate::Translation&,
                                      const Round&)>;

  struct Options {
    translate::TranslatorOptions translator;
    Observer observer;
  };

  // Both outlive the loop.
  ReconcileLoop(source::Source& source, serve::SnapshotCache& cache) : ReconcileLoop(source, cache, Options()) {}
  ReconcileLoop(source::Source& source, serve::SnapshotCache& cache, Options options);
  ~ReconcileLoop();
  ReconcileLoop(const ReconcileLoop&) = delete;
  ReconcileLoop& operator=(const ReconcileLoop&) = delete;

  // Until Stop. One thread.
  void Run();
  // Any thread, before or during Run.
  void Stop();

 private:
  void DoRound();
  void Take(const source::SourceBatch& batch);
  void Translate();
  void Publish();
  void LogProblems();
  void LogConditions(const translate::StatusSet& statuses);
  void LogUnclaimed(const std::vector<translate::Unclaimed>& unclaimed);
  source::SourcePlace PlaceOf(const gatewayapi::ObjectKey& key) const;
  // What is wrong with one object: reported when it is new.
  void LogComplaints(const translate::ObjectStatus& status);

  source::Source& source_;
  serve::SnapshotCache& cache_;
  const Observer observer_;
  store::ResourceStore store_;
  translate::Translator translator_;
  bool dirty_ = true;
  std::string version_problem_;  // as the translator was told
  // Of what isn't published yet; nothing if all is.
  std::optional<Clock::time_point> since_;
  Clock::duration translate_time_{};
  // What was translated and not yet published, and from what.
  std::optional<translate::Translation> translation_;
  std::shared_ptr<const store::ClusterState> state_;
  int wake_ = -1;

  absl::btree_set<std::string> problems_;
  absl::btree_set<std::string> unclaimed_;
  translate::StatusSet statuses_;
  absl::btree_map<gatewayapi::ObjectKey, absl::btree_set<std::string>> complaints_;
};

}  // namespace portreeve
