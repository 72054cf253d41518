#include "controller/provision/observed.h"

#include <nlohmann/json.hpp>

#include "controller/gatewayapi/text_rules.h"
#include "controller/provision/names.h"

namespace portreeve::provision {
namespace {

using Json = nlohmann::ordered_json;

// Null where there is nothing of that name.
const Json& At(const Json& json, std::string_view name) {
  static const Json kNothing;
  if (!json.is_object()) return kNothing;
  const auto found = json.find(std::string(name));
  return found == json.end() ? kNothing : *found;
}

std::string TextAt(const Json& json, std::string_view name) {
  const Json& value = At(json, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

void ReadOwner(const Json& metadata, ObservedObject* out) {
  const Json& owners = At(metadata, "ownerReferences");
  if (!owners.is_array()) return;
  for (const Json& owner : owners) {
    if (At(owner, "controller") != true) continue;
    out->owner_uid = TextAt(owner, "uid");
    out->owner_name = TextAt(owner, "name");
  }
}

void ReadIngress(const Json& status, ObservedObject* out) {
  const Json& ingress = At(At(status, "loadBalancer"), "ingress");
  if (!ingress.is_array()) return;
  for (const Json& one : ingress) {
    const std::string ip = TextAt(one, "ip");
    const std::string hostname = TextAt(one, "hostname");
    if (!ip.empty()) {
      out->ingress.push_back({.type = "IPAddress", .value = ip, .routability = {}});
    } else if (!hostname.empty()) {
      out->ingress.push_back({.type = "Hostname", .value = hostname, .routability = {}});
    }
  }
}

Json ProjectValue(const Json& live, const Json& planned) {
  if (planned.is_object() && live.is_object()) {
    Json projected = Json::object();
    for (const auto& [key, value] : planned.items()) projected[key] = ProjectValue(At(live, key), value);
    return projected;
  }
  if (planned.is_array() && live.is_array() && planned.size() == live.size()) {
    Json projected = Json::array();
    for (std::size_t i = 0; i < planned.size(); ++i) projected.push_back(ProjectValue(live[i], planned[i]));
    return projected;
  }
  return live;
}

Json ParsePlan(std::string_view planned) {
  Json json = Json::parse(planned, nullptr, false);
  if (!json.is_object()) return Json::object();
  json.erase("apiVersion");
  json.erase("kind");
  return json;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::optional<ObservedObject> ReadObserved(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  const Json metadata = At(json, "metadata");
  ObservedObject object;
  object.name = TextAt(metadata, "name");
  if (object.name.empty()) return std::nullopt;
  object.ns = TextAt(metadata, "namespace");
  object.uid = TextAt(metadata, "uid");
  object.created = gatewayapi::ParseTimestamp(TextAt(metadata, "creationTimestamp")).value_or(0);
  object.deleting = At(metadata, "deletionTimestamp").is_string();
  object.ours = TextAt(At(metadata, "labels"), kManagedByLabel) == kManagedBy;
  ReadOwner(metadata, &object);

  const Json& spec = At(json, "spec");
  const Json& replicas = At(spec, "replicas");
  if (replicas.is_number_integer()) object.replicas = replicas.get<std::int32_t>();
  object.service_type = TextAt(spec, "type");
  object.cluster_ip = TextAt(spec, "clusterIP");
  ReadIngress(At(json, "status"), &object);

  json.erase("status");
  json["metadata"].erase("managedFields");
  json["metadata"].erase("resourceVersion");
  object.content = Dump(json);
  return object;
}

std::string Project(std::string_view content, std::string_view planned) {
  return Dump(ProjectValue(Json::parse(content, nullptr, false), ParsePlan(planned)));
}

std::string Project(std::string_view planned) {
  return Dump(ParsePlan(planned));
}

}  // namespace portreeve::provision
