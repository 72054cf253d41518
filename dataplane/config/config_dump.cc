#include "dataplane/config/config_dump.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::config {
namespace {

// Nothing in it is trusted to be UTF-8.
std::string TextOf(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ResourceJson(const std::string& key, const std::string& bytes) {
  v1::Resource resource;
  const nlohmann::json unreadable = {{"key", key}, {"unreadable", true}};
  if (!resource.ParseFromString(bytes)) return TextOf(unreadable);
  const bool secret = resource.has_certificate();
  if (secret) resource.clear_certificate();
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(resource, &text).ok()) return TextOf(unreadable);
  if (!secret) return text;
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  json["certificate"] = "[redacted]";
  return TextOf(json);
}

}  // namespace

std::string DumpConfig(const DumpHead& head, const ConfigStore::Resources& resources) {
  nlohmann::json json = {{"gateway", head.gateway},
                         {"instance", head.instance},
                         {"connected", head.connected},
                         {"ready", head.ready},
                         {"epoch", head.epoch},
                         {"snapshot", head.snapshot},
                         {"refused", nlohmann::json::array()},
                         {"listening", head.listening}};
  for (const Refusal& refusal : head.refused) {
    json["refused"].push_back({{"key", refusal.key},
                               {"version", refusal.version},
                               {"origin", refusal.origin},
                               {"field", refusal.field},
                               {"message", refusal.message}});
  }
  std::string text = TextOf(json);
  // Resources are many: each is written as it comes, between the last two characters.
  text.back() = ',';
  text += "\"resources\":[";
  const char* separator = "\n";
  for (const auto& [key, bytes] : resources) {
    text += separator;
    text += ResourceJson(key, *bytes);
    separator = ",\n";
  }
  text += "\n]}\n";
  return text;
}

}  // namespace portreeve::config
