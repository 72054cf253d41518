// What a Translator keeps from one translation to the next. Every result here is what a translation from nothing would
// give: the steps in translator.cc make anew what depends on something that changed.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/translate/certificates.h"
#include "controller/translate/gateways.h"
#include "controller/translate/routes.h"
#include "controller/translate/translator.h"

namespace portreeve::translate {

// A route and what became of it.
struct RouteEntry {
  gatewayapi::Ptr<gatewayapi::HTTPRoute> route;
  TranslatedRoute translated;                                   // without `parents`, which `status` holds
  std::shared_ptr<const gatewayapi::HTTPRoute::Status> status;  // null if the route isn't ours to judge
};

// What goes to the data plane of one Gateway, and who put it there.
struct GatewayOutput {
  ResourceMap resources;
  std::set<std::string> own;                // keys of its listeners and certificates
  std::map<std::string, int32_t> attached;  // routes by listener
  std::shared_ptr<const gatewayapi::GatewayStatus> status;
  bool stale = true;  // `status` is to be made anew
};

struct BackendEntry {
  ResourcePtr backend;  // null: to be made
  ResourcePtr endpoints;
  // How many routes send to it, by Gateway; 0: that Gateway's output must let go of it.
  std::map<gatewayapi::NamespacedName, size_t> users;
};

struct ClassEntry {
  gatewayapi::Ptr<gatewayapi::GatewayClass> gateway_class;
  std::shared_ptr<const gatewayapi::GatewayClass::Status> status;
};

struct Memo {
  TranslatorOptions options;
  std::string version_problem;
  std::string last_version_problem;  // that the classes' statuses were made with
  store::ClusterState last;
  Translator::Work work;

  std::map<std::string, ClassEntry> classes;  // ours
  CertificateMemo certificates;
  std::set<gatewayapi::NamespacedName> secrets;  // that a Gateway of ours names
  Gateways gateways;
  std::map<gatewayapi::NamespacedName, GatewayOutput> outputs;  // by Gateway
  std::map<gatewayapi::NamespacedName, RouteEntry> routes;
  std::map<BackendName, BackendEntry> backends;
  StatusSet statuses;
  RouteIndex routes_by_gateway;
  RouteIndex routes_by_service;

  // What the current translation has still to do.
  std::set<gatewayapi::NamespacedName> dirty_routes;
  std::set<BackendName> dirty_backends;  // their Service or its slices changed
  std::set<BackendName> moved_backends;  // used by other Gateways than before
};

}  // namespace portreeve::translate
