// ObjectTable: what is known of one kind (in one namespace, or all), and what differs from it in what comes. A list is
// compared, never cleared and refilled: only differences come out.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "controller/gatewayapi/decode.h"
#include "controller/kube/kind.h"
#include "controller/kube/object_sink.h"
#include "controller/source/resource_event.h"

namespace portreeve::kube {

struct TableChanges {
  std::vector<source::ResourceEvent> events;
  // What is wrong with an object now; an empty list: nothing any more.
  std::vector<std::pair<gatewayapi::ObjectKey, std::vector<gatewayapi::Problem>>> problems;

  // There and wanted, but not kept before: to be read singly, and told by Fetched or NotFetched.
  std::vector<gatewayapi::NamespacedName> fetch;

  bool empty() const { return events.empty() && problems.empty() && fetch.empty(); }
};

using WantedNames = std::set<gatewayapi::NamespacedName>;

// Any thread.
class ObjectTable final : public ObjectSink {
 public:
  // Told of what changed, in order, on the thread that changed it.
  using OnChanges = std::function<void(TableChanges)>;

  // Where a problem's file would stand.
  static constexpr std::string_view kOrigin = "cluster";

  // `kind` has a gatewayapi::Kind.
  ObjectTable(const WatchedKind& kind, OnChanges on_changes);

  void BeginList() override;
  void Listed(const gatewayapi::YamlNode& object) override;
  void EndList() override;
  void AbandonList() override;
  void Changed(const gatewayapi::YamlNode& object) override;
  void Deleted(const gatewayapi::YamlNode& object) override;
  void KindGone() override;

  // For a kind of which only what is wanted is kept. The others are forgotten, all but their names.
  void SetWanted(std::shared_ptr<const WantedNames> wanted);
  // What a single read gave. What a watch has told meanwhile is newer and stays.
  void Fetched(const gatewayapi::NamespacedName& name, const gatewayapi::YamlNode& object);
  // It can't be had; a watch may bring it all the same.
  void NotFetched(const gatewayapi::NamespacedName& name);
  // Still to be fetched.
  bool fetching(const gatewayapi::NamespacedName& name) const;

  // Objects that there are; those that are kept.
  std::size_t size() const;
  std::size_t kept() const;

 private:
  struct Known {
    gatewayapi::Object object;  // a null pointer while it isn't kept, or was never good
    bool has_object = false;
    bool refused = false;  // as it stands now; `object` is the last good one
    std::uint64_t list = 0;
  };

  bool Usable(const gatewayapi::NamespacedName& name) const {
    return !name.name.empty() && name.namespace_.empty() != kind_.namespaced;
  }
  bool Wants(const gatewayapi::NamespacedName& name) const { return !kind_.only_wanted || wanted_->contains(name); }
  gatewayapi::ObjectKey KeyOf(const gatewayapi::NamespacedName& name) const {
    return {*kind_.kind, name.namespace_, name.name};
  }
  void Put(const gatewayapi::NamespacedName& name, gatewayapi::DecodedServerObject decoded, TableChanges& changes);
  void Erase(const gatewayapi::NamespacedName& name, TableChanges& changes);
  void Forget(const gatewayapi::NamespacedName& name, Known& known, TableChanges& changes) const;
  // What is wanted and there, but not kept.
  void FetchMissing(TableChanges& changes);
  void Emit(TableChanges changes);

  const WatchedKind& kind_;
  const OnChanges on_changes_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<gatewayapi::NamespacedName, Known> known_;
  std::shared_ptr<const WantedNames> wanted_ = std::make_shared<WantedNames>();
  absl::flat_hash_set<gatewayapi::NamespacedName> fetching_;

  // While a list is read: what differs, to be told at its end.
  std::uint64_t list_ = 0;
  std::vector<std::pair<gatewayapi::NamespacedName, gatewayapi::DecodedServerObject>> staged_;
  std::vector<gatewayapi::NamespacedName> staged_names_;  // of what isn't kept
};

}  // namespace portreeve::kube
