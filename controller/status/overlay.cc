#include "controller/status/overlay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "controller/translate/attachment.h"
#include "controller/translate/certificates.h"
#include "controller/translate/resources.h"
#include "controller/translate/routes.h"
#include "controller/translate/statuses.h"
#include "controller/translate/text.h"

namespace portreeve::status {
namespace {

using gatewayapi::Condition;
using gatewayapi::Gateway;
using gatewayapi::GatewayStatus;
using gatewayapi::HTTPRoute;
using gatewayapi::Kind;
using gatewayapi::ListenerStatus;
using gatewayapi::NamespacedName;
using gatewayapi::ObjectKey;
using translate::Concat;
using translate::MakeCondition;
using translate::Objection;
using translate::ObjectStatus;

constexpr std::size_t kMaxNames = 3;
constexpr std::string_view kNobody = "no data plane is ready yet";

// "data plane a", "data planes a, b, c and 2 more"
std::string NameDataPlanes(const std::set<std::string>& instances) {
  std::string text = instances.size() == 1 ? "data plane " : "data planes ";
  std::size_t named = 0;
  for (const std::string& instance : instances) {
    if (named == kMaxNames) return text + Concat(" and ", instances.size() - named, " more");
    text += Concat(named++ == 0 ? "" : ", ", instance);
  }
  return text;
}

// One thing that some data planes of a Gateway refuse.
struct Refused {
  std::string key;
  std::string origin;
  std::string field;
  std::string message;
  std::set<std::string> instances;

  // `place`: what the field is a part of.
  Objection Say(std::string_view place) const {
    std::string at(place);
    if (!field.empty()) at += Concat(at.empty() ? "" : place == origin ? ": " : ".", field);
    return {"Refused", Concat(at, at.empty() ? "" : ": ", message, " (refused by ", NameDataPlanes(instances),
                              "); what was served of it before, if anything, stays in service")};
  }
};

std::vector<Refused> Gather(const GatewayProgress& progress) {
  std::map<std::tuple<std::string, std::string, std::string>, Refused> gathered;
  for (const DataPlaneProgress& one : progress.data_planes) {
    for (const serve::Refusal& refusal : one.refused) {
      Refused& refused = gathered[{refusal.key, refusal.field, refusal.message}];
      refused.key = refusal.key;
      refused.origin = refusal.origin;
      refused.field = refusal.field;
      refused.message = refusal.message;
      refused.instances.insert(one.instance);
    }
  }
  std::vector<Refused> all;
  for (auto& [id, refused] : gathered) all.push_back(std::move(refused));
  return all;
}

// "HTTPRoute team-a/shop"
std::optional<ObjectKey> ReadOrigin(std::string_view origin) {
  const std::size_t blank = origin.find(' ');
  const std::size_t slash = origin.find('/', blank == std::string_view::npos ? 0 : blank);
  if (blank == std::string_view::npos || slash == std::string_view::npos) return std::nullopt;
  const std::optional<Kind> kind = gatewayapi::KindFromName(origin.substr(0, blank));
  if (!kind.has_value()) return std::nullopt;
  return ObjectKey{*kind, std::string(origin.substr(blank + 1, slash - blank - 1)),
                   std::string(origin.substr(slash + 1))};
}

// "spec.rules[2]" of "rule/team-a/shop/2"
std::string PlaceOfRule(std::string_view key) {
  return Concat("spec.rules[", key.substr(key.rfind('/') + 1), "]");
}

Condition* FindCondition(std::vector<Condition>& conditions, std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

// Keys of the certificates that a listener names.
std::set<std::string> CertificatesOf(const Gateway& gateway, const std::string& listener) {
  std::set<std::string> keys;
  const auto spec = std::ranges::find(gateway.spec.listeners, listener, &gatewayapi::Listener::name);
  if (spec == gateway.spec.listeners.end() || !spec->tls.has_value()) return keys;
  for (const gatewayapi::ObjectReference& ref : spec->tls->certificate_refs) {
    if (const auto secret = translate::SecretOf(ref, gateway.metadata.namespace_)) {
      keys.insert(translate::CertificateKey(*secret));
    }
  }
  return keys;
}

class GatewayOverlay {
 public:
  GatewayOverlay(const Gateway& gateway, const GatewayStatus& before, int64_t generation,
                 const GatewayProgress& progress, const Placement* placement)
      : gateway_(gateway),
        before_(before),
        name_(gatewayapi::NameOf(gateway.metadata)),
        generation_(generation),
        progress_(progress),
        placement_(placement),
        refused_(Gather(progress)) {}

  void Apply(GatewayStatus* status) const;

 private:
  enum class Serves { kYes, kNotYet, kNo };

  // What was said before counts, since nothing better is known.
  bool Unknown() const { return placement_ == nullptr || !progress_.settled; }
  std::vector<Objection> RefusalsOf(const std::string& listener) const;
  std::set<std::string> Behind(const std::string& listener) const;
  Serves ApplyTo(ListenerStatus* listener) const;
  Condition Programmed(const GatewayStatus& status, const std::vector<std::string>& waiting) const;

  Condition Pending(std::string message) const {
    return MakeCondition("Programmed", false, "Pending", std::move(message), generation_);
  }
  static Condition KeepOr(const std::vector<Condition>* before, Condition otherwise);

  const Gateway& gateway_;
  const GatewayStatus& before_;
  const NamespacedName name_;
  const int64_t generation_;
  const GatewayProgress& progress_;
  const Placement* placement_;
  const std::vector<Refused> refused_;
};

Condition GatewayOverlay::KeepOr(const std::vector<Condition>* before, Condition otherwise) {
  if (before == nullptr) return otherwise;
  const auto found = std::ranges::find(*before, "Programmed", &Condition::type);
  // The CRD's default is nobody's word.
  if (found == before->end() || !found->observed_generation.has_value()) return otherwise;
  return *found;
}

std::vector<Objection> GatewayOverlay::RefusalsOf(const std::string& listener) const {
  const std::string key = translate::ListenerKey(name_, listener);
  const std::set<std::string> certificates = CertificatesOf(gateway_, listener);
  std::vector<Objection> objections;
  for (const Refused& refused : refused_) {
    if (refused.key == key) objections.push_back(refused.Say(""));
    if (certificates.contains(refused.key)) objections.push_back(refused.Say(refused.origin));
  }
  return objections;
}

std::set<std::string> GatewayOverlay::Behind(const std::string& listener) const {
  const std::string key = translate::ListenerKey(name_, listener);
  std::set<std::string> behind;
  for (const DataPlaneProgress& one : progress_.data_planes) {
    if (!one.current.contains(key)) behind.insert(one.instance);
  }
  return behind;
}

GatewayOverlay::Serves GatewayOverlay::ApplyTo(ListenerStatus* listener) const {
  Condition* programmed = FindCondition(listener->conditions, "Programmed");
  if (programmed == nullptr || programmed->status != "True") return Serves::kNo;
  if (Unknown()) {
    const auto before = std::ranges::find(before_.listeners, listener->name, &ListenerStatus::name);
    *programmed =
        KeepOr(before == before_.listeners.end() ? nullptr : &before->conditions, Pending(std::string(kNobody)));
    return programmed->status == "True" ? Serves::kYes : Serves::kNotYet;
  }
  if (progress_.data_planes.empty()) {
    *programmed = Pending(std::string(kNobody));
    return Serves::kNotYet;
  }
  if (const std::vector<Objection> refusals = RefusalsOf(listener->name); !refusals.empty()) {
    *programmed = MakeCondition("Programmed", false, "Invalid", translate::JoinMessages(refusals), generation_);
    return Serves::kNo;
  }
  if (const std::set<std::string> behind = Behind(listener->name); !behind.empty()) {
    *programmed = Pending(
        Concat(NameDataPlanes(behind), behind.size() == 1 ? " doesn't" : " don't", " accept connections for it yet"));
    return Serves::kNotYet;
  }
  return Serves::kYes;
}

Condition GatewayOverlay::Programmed(const GatewayStatus& status, const std::vector<std::string>& waiting) const {
  if (Unknown()) return KeepOr(&before_.conditions, Pending(std::string(kNobody)));
  if (placement_->problem.has_value()) {
    return MakeCondition("Programmed", false, placement_->problem->reason, placement_->problem->message, generation_);
  }
  if (progress_.data_planes.empty()) return Pending(std::string(kNobody));
  if (!waiting.empty()) {
    return Pending(Concat("not every data plane accepts connections yet for listeners ", translate::JoinNames(waiting),
                          ": see their conditions"));
  }
  std::vector<std::string> served;
  for (const ListenerStatus& listener : status.listeners) {
    const auto condition = std::ranges::find(listener.conditions, "Programmed", &Condition::type);
    if (condition != listener.conditions.end() && condition->status == "True") served.push_back(listener.name);
  }
  if (served.empty()) {
    return MakeCondition("Programmed", false, "Invalid",
                         "no data plane takes requests for any of its listeners: see their conditions", generation_);
  }
  return MakeCondition("Programmed", true, "Programmed",
                       Concat("every data plane accepts connections for listeners ", translate::JoinNames(served)),
                       generation_);
}

void GatewayOverlay::Apply(GatewayStatus* status) const {
  status->addresses = placement_ == nullptr ? before_.addresses : placement_->addresses;
  std::vector<std::string> waiting;
  for (ListenerStatus& listener : status->listeners) {
    if (ApplyTo(&listener) == Serves::kNotYet) waiting.push_back(listener.name);
  }
  Condition* programmed = FindCondition(status->conditions, "Programmed");
  if (programmed != nullptr && programmed->status == "True") *programmed = Programmed(*status, waiting);
}

// Collects what is refused of routes, and lays it over them at the end.
class RouteOverlay {
 public:
  RouteOverlay(const translate::StatusSet& statuses, const store::ClusterState& state)
      : statuses_(statuses), state_(state) {}

  void Add(const std::string& gateway, const Refused& refused, const ObjectKey& origin);
  void Apply(Overlaid* out) const;

 private:
  void AddUsers(const std::string& gateway, const Refused& refused, const NamespacedName& service);

  const translate::StatusSet& statuses_;
  const store::ClusterState& state_;
  // By route and Gateway.
  std::map<NamespacedName, std::map<std::string, std::vector<Objection>>> objections_;
};

void RouteOverlay::Add(const std::string& gateway, const Refused& refused, const ObjectKey& origin) {
  if (origin.kind == Kind::kHTTPRoute) {
    objections_[origin.Name()][gateway].push_back(refused.Say(PlaceOfRule(refused.key)));
  } else if (origin.kind == Kind::kService) {
    AddUsers(gateway, refused, origin.Name());
  }
}

void RouteOverlay::AddUsers(const std::string& gateway, const Refused& refused, const NamespacedName& service) {
  for (const store::Versioned<HTTPRoute>& route : state_.All<HTTPRoute>()) {
    const std::vector<NamespacedName> services = translate::ServicesNamedBy(*route);
    if (std::ranges::find(services, service) == services.end()) continue;
    objections_[gatewayapi::NameOf(route->metadata)][gateway].push_back(refused.Say(refused.origin));
  }
}

void RouteOverlay::Apply(Overlaid* out) const {
  for (const auto& [route, by_gateway] : objections_) {
    const ObjectKey key{Kind::kHTTPRoute, route.namespace_, route.name};
    const auto status = statuses_.find(key);
    if (status == statuses_.end() || status->route == nullptr) continue;
    auto overlaid = std::make_shared<HTTPRoute::Status>(*status->route);
    for (gatewayapi::RouteParentStatus& parent : overlaid->parents) {
      if (parent.controller_name != translate::ControllerName()) continue;
      const auto gateway = translate::GatewayOf(parent.parent_ref, route.namespace_);
      const auto found = gateway.has_value() ? by_gateway.find(gateway->ToString()) : by_gateway.end();
      if (found == by_gateway.end()) continue;
      parent.conditions.push_back(MakeCondition(translate::kRouteProgrammed, false, "Refused",
                                                translate::JoinMessages(found->second), status->generation));
    }
    ObjectStatus& replaced = out->statuses[key];
    replaced = *status;
    replaced.route = std::move(overlaid);
  }
}

}  // namespace

Overlaid Overlay(const translate::StatusSet& statuses, const OverlayInput& input) {
  static const GatewayProgress kNobodyThere;
  Overlaid out;
  RouteOverlay routes(statuses, input.state);
  std::set<std::pair<ObjectKey, std::string>> noted;
  for (auto status = statuses.lower_bound({Kind::kGateway, "", ""});
       status != statuses.end() && status->key.kind == Kind::kGateway; ++status) {
    const auto* gateway = input.state.Find<Gateway>(status->key.namespace_, status->key.name);
    if (gateway == nullptr) continue;
    const std::string name = status->key.Name().ToString();
    const auto progress = input.progress.find(name);
    const auto placement = input.placements.find(name);
    const GatewayProgress& known = progress == input.progress.end() ? kNobodyThere : progress->second;
    auto overlaid = std::make_shared<GatewayStatus>(*status->gateway);
    const auto before = input.before.find(status->key);
    GatewayOverlay(**gateway, before == input.before.end() ? (*gateway)->status : *before->second.gateway,
                   status->generation, known, placement == input.placements.end() ? nullptr : &placement->second)
        .Apply(overlaid.get());
    ObjectStatus& replaced = out.statuses[status->key];
    replaced = *status;
    replaced.gateway = std::move(overlaid);
    for (const Refused& refused : Gather(known)) {
      const std::optional<ObjectKey> origin = ReadOrigin(refused.origin);
      if (!origin.has_value()) continue;
      routes.Add(name, refused, *origin);
      if (origin->kind != Kind::kSecret && origin->kind != Kind::kService) continue;
      Objection objection = refused.Say("");
      if (!noted.emplace(*origin, objection.message).second) continue;
      out.notes.push_back({*origin, {"Programmed", objection.reason, std::move(objection.message)}});
    }
  }
  routes.Apply(&out);
  std::ranges::sort(out.notes, {}, [](const Note& note) { return std::tie(note.key, note.complaint.message); });
  return out;
}

}  // namespace portreeve::status
