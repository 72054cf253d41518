#include "controller/translate/translator.h"

#include <utility>

#include "controller/translate/memo.h"
#include "controller/translate/steps.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

std::string& OwnName() {
  static std::string name(kDefaultControllerName);
  return name;
}

using gatewayapi::Kind;

void TellClasses(Memo& memo) {
  for (const auto& [name, entry] : memo.classes) {
    ObjectStatus status;
    status.key = {Kind::kGatewayClass, "", name};
    status.generation = entry.gateway_class->metadata.generation;
    status.gateway_class = entry.status;
    PutStatus(std::move(status), memo);
  }
}

void TellGateways(Memo& memo) {
  for (const auto& [name, gateway] : memo.gateways) {
    GatewayOutput& output = memo.outputs[name];
    if (output.stale) {
      std::vector<int32_t> attached;
      for (const JudgedListener& listener : gateway.listeners) {
        auto routes = output.attached.find(listener.model.name);
        attached.push_back(routes == output.attached.end() ? 0 : routes->second);
      }
      KeepSame(StatusOfGateway(gateway, attached), &output.status);
      output.stale = false;
    }
    ObjectStatus status;
    status.key = {Kind::kGateway, name.namespace_, name.name};
    status.generation = gateway.object->metadata.generation;
    status.gateway = output.status;
    PutStatus(std::move(status), memo);
  }
}

// Of classes and Gateways that are no longer ours, or gone. Routes have been looked after one by one.
void ForgetOthers(Memo& memo) {
  std::vector<gatewayapi::ObjectKey> gone;
  for (const ObjectStatus& status : memo.statuses) {
    if (status.key.kind > Kind::kGateway) break;
    const bool ours = status.key.kind == Kind::kGateway ? memo.gateways.contains(status.key.Name())
                                                        : memo.classes.contains(status.key.name);
    if (!ours) gone.push_back(status.key);
  }
  for (const gatewayapi::ObjectKey& key : gone) memo.statuses.erase(key);
}

}  // namespace

void PutResource(ResourceMap* resources, const ResourcePtr& resource) {
  auto there = resources->find(resource->key());
  if (there == resources->end() || !SameResource(there->second, resource)) resources->Put(resource->key(), resource);
}

bool SameStatus(const ObjectStatus& a, const ObjectStatus& b) {
  return a.generation == b.generation && a.gateway_class == b.gateway_class && a.gateway == b.gateway &&
         a.route == b.route;
}

void PutStatus(ObjectStatus status, Memo& memo) {
  const auto there = memo.statuses.find(status.key);
  if (there == memo.statuses.end() || !SameStatus(*there, status)) memo.statuses.Put(std::move(status));
}

Translation Assemble(Memo& memo) {
  Translation translation;
  TellClasses(memo);
  TellGateways(memo);
  ForgetOthers(memo);
  translation.statuses = memo.statuses;
  translation.unclaimed = FindUnclaimed(memo.last, memo.routes_by_gateway);
  translation.secrets = memo.secrets;
  for (const auto& [name, output] : memo.outputs) translation.gateways.emplace(name.ToString(), output.resources);
  return translation;
}

std::string_view ControllerName() {
  return OwnName();
}

void SetControllerName(std::string name) {
  OwnName() = std::move(name);
}

Translator::Translator(TranslatorOptions options) : memo_(std::make_unique<Memo>()) {
  memo_->options = options;
}

Translator::~Translator() = default;

void Translator::SetVersionProblem(std::string problem) {
  memo_->version_problem = std::move(problem);
}

Translation Translator::Translate(const store::ClusterState& state) {
  Memo& memo = *memo_;
  memo.work = {};
  UpdateClasses(state, memo);
  UpdateGateways(state, memo);
  FindDirty(state, memo);
  UpdateRoutes(state, memo);
  UpdateBackends(state, memo);
  memo.last = state;
  return Assemble(memo);
}

const Translator::Work& Translator::work() const {
  return memo_->work;
}

}  // namespace portreeve::translate
