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

void AddClasses(const Memo& memo, std::vector<ObjectStatus>* statuses) {
  for (const auto& [name, entry] : memo.classes) {
    ObjectStatus& status = statuses->emplace_back();
    status.key = {Kind::kGatewayClass, "", name};
    status.generation = entry.gateway_class->metadata.generation;
    status.gateway_class = entry.status;
  }
}

void AddGateways(Memo& memo, std::vector<ObjectStatus>* statuses) {
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
    ObjectStatus& status = statuses->emplace_back();
    status.key = {Kind::kGateway, name.namespace_, name.name};
    status.generation = gateway.object->metadata.generation;
    status.gateway = output.status;
  }
}

void AddRoutes(const Memo& memo, std::vector<ObjectStatus>* statuses) {
  for (const auto& [name, entry] : memo.routes) {
    if (entry.status == nullptr) continue;
    ObjectStatus& status = statuses->emplace_back();
    status.key = {Kind::kHTTPRoute, name.namespace_, name.name};
    status.generation = entry.route->metadata.generation;
    status.route = entry.status;
  }
}

}  // namespace

void PutResource(ResourceMap* resources, const ResourcePtr& resource) {
  auto there = resources->find(resource->key());
  if (there == resources->end() || !SameResource(there->second, resource)) resources->Put(resource->key(), resource);
}

Translation Assemble(Memo& memo) {
  Translation translation;
  translation.statuses.reserve(memo.classes.size() + memo.gateways.size() + memo.routes.size());
  AddClasses(memo, &translation.statuses);
  AddGateways(memo, &translation.statuses);
  AddRoutes(memo, &translation.statuses);
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
