#include "controller/managed_watch.h"

#include <array>
#include <atomic>
#include <set>
#include <utility>

#include "controller/gatewayapi/json_tree.h"
#include "controller/kube/kind.h"
#include "controller/kube/reflector.h"

namespace portreeve {
namespace {

using gatewayapi::NamespacedName;
using gatewayapi::YamlNode;
using kube::WatchedKind;
using provision::ObjectKind;

constexpr std::string_view kOurs = "app.kubernetes.io%2Fmanaged-by%3Dportreeve";

constexpr WatchedKind Managed(std::string_view group, std::string_view version, std::string_view plural,
                              std::string_view name) {
  WatchedKind kind{};
  kind.group = group;
  kind.versions = {version, ""};
  kind.plural = plural;
  kind.name = name;
  kind.label_selector = kOurs;
  return kind;
}

// In the order of ObjectKind.
constexpr std::array<WatchedKind, 5> kKinds = {
    Managed("", "v1", "serviceaccounts", "ServiceAccount"),
    Managed("apps", "v1", "deployments", "Deployment"),
    Managed("", "v1", "services", "Service"),
    Managed("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    Managed("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
};

// How many namespaces of a kind haven't been read yet.
using Unread = std::atomic<std::size_t>;

// Tells the provisioner of one kind in one namespace, or in all.
class Sink final : public kube::ObjectSink {
 public:
  Sink(provision::Provisioner& provisioner, ObjectKind kind, std::shared_ptr<Unread> unread)
      : provisioner_(provisioner), kind_(kind), unread_(std::move(unread)) {}

  void BeginList() override { listed_.clear(); }
  void Listed(const YamlNode& object) override {
    listed_.insert(kube::NameIn(object));
    Observe(object);
  }
  void EndList() override {
    for (const NamespacedName& name : known_) {
      if (!listed_.contains(name)) provisioner_.ObserveGone(kind_, name.namespace_, name.name);
    }
    known_ = std::exchange(listed_, {});
    if (!std::exchange(read_, true) && unread_->fetch_sub(1) == 1) provisioner_.ObservedAll(kind_);
  }
  void AbandonList() override {
    // What was listed is there, and may be all that will ever be told of it.
    known_.merge(listed_);
    listed_.clear();
  }
  void Changed(const YamlNode& object) override {
    known_.insert(kube::NameIn(object));
    Observe(object);
  }
  void Deleted(const YamlNode& object) override {
    const NamespacedName name = kube::NameIn(object);
    known_.erase(name);
    provisioner_.ObserveGone(kind_, name.namespace_, name.name);
  }
  void KindGone() override {
    for (const NamespacedName& name : std::exchange(known_, {})) {
      provisioner_.ObserveGone(kind_, name.namespace_, name.name);
    }
  }

 private:
  void Observe(const YamlNode& object) {
    if (auto observed = provision::ReadObserved(gatewayapi::ToJson(object))) {
      provisioner_.Observe(kind_, *std::move(observed));
    }
  }

  provision::Provisioner& provisioner_;
  const ObjectKind kind_;
  const std::shared_ptr<Unread> unread_;
  bool read_ = false;
  std::set<NamespacedName> known_;
  std::set<NamespacedName> listed_;
};

}  // namespace

struct ManagedWatch::Watch {
  Watch(kube::ServerProbe& probe, kube::ApiClient& client, const std::string& ns, provision::Provisioner& provisioner,
        ObjectKind kind, std::shared_ptr<Unread> unread)
      : sink(provisioner, kind, std::move(unread)),
        reflector(client, probe, kKinds[static_cast<std::size_t>(kind)], ns, sink, kube::ReflectorOptions(),
                  [](const kube::ReflectorStatus&) {}) {}

  Sink sink;
  kube::Reflector reflector;
};

ManagedWatch::ManagedWatch(kube::ServerProbe& probe, std::unique_ptr<kube::ApiClient> client,
                           const std::vector<std::string>& namespaces, provision::Provisioner& provisioner)
    : client_(std::move(client)) {
  const std::vector<std::string> where = namespaces.empty() ? std::vector<std::string>{""} : namespaces;
  for (const ObjectKind kind : provision::kAllObjectKinds) {
    const auto unread = std::make_shared<Unread>(where.size());
    for (const std::string& ns : where) {
      watches_.push_back(std::make_unique<Watch>(probe, *client_, ns, provisioner, kind, unread));
    }
  }
  for (const auto& watch : watches_) watch->reflector.Start();
}

ManagedWatch::~ManagedWatch() {
  for (const auto& watch : watches_) watch->reflector.BeginStop();
  client_->Cancel();
  for (const auto& watch : watches_) watch->reflector.Stop();
}

}  // namespace portreeve
