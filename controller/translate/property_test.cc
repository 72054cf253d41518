// What must hold for every cluster: the order of events doesn't matter, what is kept from before doesn't show, no edge
// crosses namespaces without a grant, and Secrets stay where they belong.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/store/resource_store.h"
#include "controller/translate/golden_yaml.h"
#include "controller/translate/random_world.h"
#include "controller/translate/text.h"
#include "controller/translate/translator.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Object;
using gatewayapi::ObjectKey;
using gatewayapi::Ptr;
using source::ResourceEvent;

std::string Bytes(const Translation& translation) {
  std::string bytes = ToYaml(translation);
  for (const auto& [gateway, resources] : translation.gateways) {
    for (const auto& [key, resource] : resources) {
      bytes += Concat(gateway, key, resource->SerializeAsString());
      REQUIRE(key == resource->key());
      REQUIRE(resource->version().size() == 16);
    }
  }
  return bytes;
}

TranslatorOptions OptionsOf(size_t trial) {
  return {.allow_loopback_endpoints = trial % 2 == 0, .one_data_plane = trial % 3 != 0};
}

// Some histories that end in `objects`: earlier versions, objects that are gone again, events twice; in a random order,
// but for those of one key.
std::vector<ResourceEvent> HistoryOf(const std::vector<Object>& objects, RandomWorld& random) {
  std::map<ObjectKey, std::vector<ResourceEvent>> by_key;
  for (const Object& object : objects) {
    const ObjectKey key = gatewayapi::KeyOf(object);
    std::vector<ResourceEvent>& events = by_key[key];
    while (random.OneIn(3)) {
      events.push_back(random.OneIn(3) ? ResourceEvent::Deleted(key) : ResourceEvent::Applied(random.Again(key)));
    }
    events.push_back(ResourceEvent::Applied(object));
  }
  for (const Object& object : random.Objects()) {
    const ObjectKey key = gatewayapi::KeyOf(object);
    if (by_key.contains(key)) continue;
    by_key[key] = {ResourceEvent::Applied(object), ResourceEvent::Deleted(key)};
  }
  std::vector<ResourceEvent> history;
  std::vector<ObjectKey> turns;
  for (const auto& [key, events] : by_key) turns.insert(turns.end(), events.size(), key);
  for (size_t i = turns.size(); i > 1; --i) std::swap(turns[i - 1], turns[random.Below(i)]);
  std::map<ObjectKey, size_t> next;
  for (const ObjectKey& key : turns) {
    history.push_back(by_key[key][next[key]++]);
    if (random.OneIn(3)) history.push_back(history.back());
  }
  return history;
}

TEST_CASE("the same objects give the same bytes, in whatever order and how often they came") {
  for (uint32_t trial = 0; trial < 1000; ++trial) {
    RandomWorld random(trial);
    const std::vector<Object> objects = random.Objects();
    const TranslatorOptions options = OptionsOf(trial);
    const std::string wanted = Bytes(Translator(options).Translate(*store::ClusterState::Of(objects)));

    store::ResourceStore store;
    Translator translator(options);
    for (const ResourceEvent& event : HistoryOf(objects, random)) {
      store.Apply(event);
      if (random.OneIn(8)) translator.Translate(*store.Snapshot());
    }
    INFO("seed " << trial);
    REQUIRE(Bytes(translator.Translate(*store.Snapshot())) == wanted);
  }
}

TEST_CASE("a translation from what was kept is one from nothing, and keeps what stayed the same") {
  for (uint32_t trial = 0; trial < 60; ++trial) {
    RandomWorld random(10000 + trial);
    const TranslatorOptions options = OptionsOf(trial);
    store::ResourceStore store;
    std::vector<Object> objects = random.Objects();
    for (const Object& object : objects) store.Put(object);
    Translator translator(options);
    Translation before = translator.Translate(*store.Snapshot());
    for (int step = 0; step < 20; ++step) {
      const ObjectKey key = gatewayapi::KeyOf(random.Pick(objects));
      if (random.OneIn(4)) {
        store.Delete(key);
      } else {
        store.Put(random.Again(key));
      }
      const auto state = store.Snapshot();
      Translation after = translator.Translate(*state);
      INFO("seed " << trial << " step " << step << " " << key.ToString());
      REQUIRE(Bytes(after) == Bytes(Translator(options).Translate(*state)));
      for (const auto& [gateway, resources] : after.gateways) {
        for (const auto& [name, resource] : resources) {
          if (!before.gateways.contains(gateway)) continue;
          auto old = before.gateways[gateway].find(name);
          if (old == before.gateways[gateway].end()) continue;
          REQUIRE((old->second->SerializeAsString() != resource->SerializeAsString() || old->second == resource));
        }
      }
      before = std::move(after);
    }
  }
}

// Judged from the objects, by other means than the translation's.
class Oracle {
 public:
  explicit Oracle(const std::vector<Object>& objects) : objects_(objects) {}

  bool Granted(const std::string& from_kind, const std::string& from, const std::string& to_kind, const std::string& to,
               const std::string& name) const {
    if (from == to) return true;
    for (const Object& object : objects_) {
      const auto* grant = std::get_if<Ptr<gatewayapi::ReferenceGrant>>(&object);
      if (grant == nullptr || (*grant)->metadata.namespace_ != to) continue;
      bool from_fits = false;
      for (const auto& side : (*grant)->spec.from) from_fits |= side.kind == from_kind && side.namespace_ == from;
      for (const auto& side : (*grant)->spec.to) {
        if (from_fits && side.kind == to_kind && side.name.value_or(name) == name) return true;
      }
    }
    return false;
  }

  bool Allowed(const std::string& listener_key, const std::string& route_namespace) const {
    for (const Object& object : objects_) {
      const auto* gateway = std::get_if<Ptr<gatewayapi::Gateway>>(&object);
      if (gateway == nullptr) continue;
      const gatewayapi::ObjectMeta& meta = (*gateway)->metadata;
      for (const gatewayapi::Listener& listener : (*gateway)->spec.listeners) {
        if (Concat("listener/", meta.namespace_, "/", meta.name, "/", listener.name) != listener_key) continue;
        switch (listener.allowed_routes.namespaces.from) {
          case gatewayapi::FromNamespaces::kAll:
            return true;
          case gatewayapi::FromNamespaces::kSame:
            return meta.namespace_ == route_namespace;
          default:
            return LabelledIn(route_namespace);
        }
      }
    }
    return false;
  }

  // Canaries of all Secrets.
  std::vector<std::string> Canaries() const {
    std::vector<std::string> canaries;
    for (const Object& object : objects_) {
      if (const auto* secret = std::get_if<Ptr<gatewayapi::Secret>>(&object)) {
        canaries.push_back(CanaryOf((*secret)->metadata));
      }
    }
    return canaries;
  }

 private:
  bool LabelledIn(const std::string& name) const {
    for (const Object& object : objects_) {
      const auto* found = std::get_if<Ptr<gatewayapi::Namespace>>(&object);
      if (found != nullptr && (*found)->metadata.name == name) return (*found)->metadata.labels.at("team") == "in";
    }
    return false;
  }

  const std::vector<Object>& objects_;
};

// "kind/NS/NAME…" to NS and NAME.
std::pair<std::string, std::string> Split(const std::string& key) {
  const size_t first = key.find('/');
  const size_t second = key.find('/', first + 1);
  const size_t end = std::min(key.find('/', second + 1), key.find(':', second + 1));
  return {key.substr(first + 1, second - first - 1), key.substr(second + 1, end - second - 1)};
}

TEST_CASE("every edge stays in its namespace or is granted, and leads to something that is there") {
  size_t edges = 0;
  size_t crossing = 0;
  for (uint32_t trial = 0; trial < 600; ++trial) {
    RandomWorld random(20000 + trial);
    const std::vector<Object> objects = random.Objects();
    const Oracle oracle(objects);
    const TranslatorOptions options = OptionsOf(trial);
    const Translation translation = Translator(options).Translate(*store::ClusterState::Of(objects));
    INFO("seed " << trial);
    auto check = [&](const std::string& from_kind, const std::string& from, const std::string& to_kind,
                     const std::string& key) {
      const auto [to, name] = Split(key);
      ++edges;
      crossing += from == to ? 0 : 1;
      return oracle.Granted(from_kind, from, to_kind, to, name);
    };
    std::set<std::string> all;
    for (const auto& [gateway, resources] : translation.gateways) {
      for (const auto& [key, resource] : resources) all.insert(key);
    }
    for (const auto& [gateway, resources] : translation.gateways) {
      std::set<std::string> named;
      for (const auto& [key, resource] : resources) {
        for (const std::string& certificate : resource->listener().certificates()) {
          REQUIRE(check("Gateway", Split(key).first, "Secret", certificate));
          named.insert(certificate);
        }
        for (const auto& backend : resource->rule().backends()) {
          if (backend.backend().empty()) continue;
          REQUIRE(check("HTTPRoute", resource->rule().route_namespace(), "Service", backend.backend()));
          named.insert(backend.backend());
        }
        for (const auto& attachment : resource->rule().attachments()) {
          REQUIRE(oracle.Allowed(attachment.listener(), resource->rule().route_namespace()));
          REQUIRE((options.one_data_plane ? all.contains(attachment.listener())
                                          : resources.contains(attachment.listener())));
        }
        if (resource->has_backend()) named.insert(resource->backend().endpoints());
      }
      for (const std::string& key : named) REQUIRE(resources.contains(key));
      // Nothing is sent that nothing leads to.
      for (const auto& [key, resource] : resources) {
        if (!resource->has_listener() && !resource->has_rule()) REQUIRE(named.contains(key));
      }
    }
  }
  // The worlds are such that this test says something.
  CHECK(edges > 600);
  CHECK(crossing > 60);
}

TEST_CASE("bytes of Secrets are in their own certificate and nowhere else") {
  size_t certificates = 0;
  for (uint32_t trial = 0; trial < 200; ++trial) {
    RandomWorld random(30000 + trial);
    const std::vector<Object> objects = random.Objects();
    const std::vector<std::string> canaries = Oracle(objects).Canaries();
    Translation translation = Translator(OptionsOf(trial)).Translate(*store::ClusterState::Of(objects));
    INFO("seed " << trial);
    for (const auto& [gateway, resources] : translation.gateways) {
      for (const auto& [key, resource] : resources) {
        const std::string bytes = resource->SerializeAsString();
        const auto [namespace_, name] = Split(key);
        const std::string own = resource->has_certificate() ? Concat("CANARY-", namespace_, "-", name, "-") : "none";
        for (const std::string& canary : canaries) REQUIRE((canary == own || bytes.find(canary) == std::string::npos));
        certificates += resource->has_certificate() ? 1 : 0;
        REQUIRE(bytes.find("-other") == std::string::npos);
      }
    }
    // Statuses, and the redacted form that people are shown.
    REQUIRE(ToYaml(translation).find("CANARY") == std::string::npos);
  }
  CHECK(certificates > 100);
}

}  // namespace
}  // namespace portreeve::translate
