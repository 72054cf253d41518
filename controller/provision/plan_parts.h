// Parts of a plan that more than one file makes. Included by plan*.cc only.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "controller/provision/plan.h"

namespace portreeve::provision {

using Json = nlohmann::ordered_json;

// In one line; bytes that aren't UTF-8 are replaced.
std::string Dump(const Json& json);

// What all objects of one Gateway share.
struct PlanContext {
  const gatewayapi::Gateway& gateway;
  const gatewayapi::DataPlaneConfig::Spec& config;
  const std::set<std::uint16_t>& ports;
  const ProvisionOptions& options;
  std::string name;  // NAME-CLASS

  // Of pods, for Deployments and Services; never changes for a Gateway, since a Deployment's can't.
  Json Selector() const;
  // Of every object: those of spec.infrastructure, and ours over them.
  Json Labels() const;
  // Of spec.infrastructure.
  Json Annotations() const;
};

// `spec` of the Deployment.
Json DeploymentSpec(const PlanContext& context);

}  // namespace portreeve::provision
