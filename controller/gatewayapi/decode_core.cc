// Namespace, Service, EndpointSlice, Secret and ConfigMap, with the checks of the API server's own validation that
// concern what a gateway reads.
#include <algorithm>
#include <utility>

#include "controller/gatewayapi/decode_kinds.h"

namespace portreeve::gatewayapi {
namespace {

bool IsPortName(std::string_view text) {
  const bool letter = std::ranges::any_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
  return text.size() <= 15 && IsDnsLabel(text) && letter && text.find("--") == std::string_view::npos;
}

const TextRule kPortName{IsPortName, "must be a port's name: at most 15 lower-case letters, digits and '-'",
                         "write the containerPort's name or number", 1, 15};
const TextRule kOptionalLabel{[](std::string_view text) { return text.empty() || IsDnsLabel(text); }, kDnsLabel.must,
                              "rename it", 0, 63};
const TextRule kDataKey{IsConfigKey, "must be letters, digits, '-', '_' and '.'", "rename it", 1, 253};
const TextRule kSelectorKey{IsQualifiedName, "must be of the form name or domain/name", "rename it", 1, 317};
const TextRule kSelectorValue{IsLabelValue, "must be a label value", "shorten or rename it", 0, 63};

void ReadProtocol(Fields& fields, std::string* out) {
  std::optional<std::string> protocol;
  fields.Word("protocol", {"TCP", "UDP", "SCTP"}, &protocol);
  if (protocol) *out = *protocol;
}

void ReadTargetPort(const Place& place, ServicePort* out) {
  if (place.node().kind == YamlNode::Kind::kScalar && place.node().plain &&
      place.node().text.find_first_not_of("0123456789") == std::string::npos) {
    int64_t number = 0;
    if (place.Integer(1, 65535, &number)) out->target_port = static_cast<uint16_t>(number);
    return;
  }
  std::string name;
  if (place.Text(kPortName, &name)) out->target_port = std::move(name);
}

void ReadServicePort(const Place& place, ServicePort* out) {
  Fields fields(place);
  fields.Text("name", kOptionalLabel, &out->name);
  ReadProtocol(fields, &out->protocol);
  fields.RequireInteger("port", 1, 65535, &out->port);
  out->target_port = out->port;
  fields.Struct("targetPort", out, ReadTargetPort);
  fields.Text("appProtocol", kAnyText, &out->app_protocol);
  fields.Ignore({"nodePort"});
  fields.Done();
}

void ReadServicePorts(Fields& fields, std::vector<ServicePort>* out) {
  fields.List("ports", 0, 1000, out, [&](const Place& place, ServicePort* port) {
    ReadServicePort(place, port);
    for (const ServicePort& other : *out) {
      if (&other == port) break;
      if (!port->name.empty() && other.name == port->name) {
        place.RefuseField("name", Concat({"\"", port->name, "\" occurs twice"}), "give each port its own name");
      } else if (other.port == port->port && other.protocol == port->protocol && port->port != 0) {
        place.RefuseField("port", Concat({std::to_string(port->port), "/", port->protocol, " occurs twice"}),
                          "remove one of the two");
      }
    }
  });
  std::optional<Place> place = fields.Find("ports");
  if (!place || out->size() < 2) return;
  for (size_t i = 0; i < out->size(); ++i) {
    if ((*out)[i].name.empty()) {
      Place(*place, i, place->node().items[i])
          .RefuseField("name", "is required when a Service has several ports", "give each port a name");
    }
  }
}

void ReadServiceSpec(const Place& place, Service::Spec* out) {
  Fields fields(place);
  std::optional<std::string> type;
  fields.Word("type", {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}, &type);
  if (type) out->type = *type;
  ReadServicePorts(fields, &out->ports);
  fields.TextMap("selector", kSelectorKey, kSelectorValue, 4096, &out->selector);
  fields.Text("clusterIP", kAnyText, &out->cluster_ip);
  fields.Text("externalName", kAnyText, &out->external_name);
  fields.Boolean("publishNotReadyAddresses", &out->publish_not_ready_addresses);
  fields.Ignore({"clusterIPs", "externalIPs", "sessionAffinity", "sessionAffinityConfig", "loadBalancerIP",
                 "loadBalancerClass", "loadBalancerSourceRanges", "externalTrafficPolicy", "internalTrafficPolicy",
                 "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy", "allocateLoadBalancerNodePorts",
                 "trafficDistribution"});
  fields.Done();
  const bool external = out->type == "ExternalName";
  if (out->ports.empty() && !external && out->cluster_ip != "None") {
    place.RefuseField("ports", "must have at least 1 entry", "write ports: [{port: NUMBER}]");
  }
  if (external && !IsDnsSubdomain(out->external_name)) {
    place.RefuseField("externalName", "must be a host name when the type is ExternalName",
                      "write it as in \"a.example.com\"");
  }
}

void ReadEndpoint(const Place& place, const std::string& address_type, Endpoint* out) {
  Fields fields(place);
  fields.RequireList("addresses", 1, 100, &out->addresses, [&](const Place& item, std::string* address) {
    if (!item.Text(kAnyText, address)) return;
    const bool valid = address_type == "IPv4"   ? IsIPv4(*address)
                       : address_type == "IPv6" ? IsIPv6(*address)
                                                : IsDnsSubdomain(*address);
    if (!valid && !address_type.empty()) {
      item.Refuse(Concat({"must be of addressType ", address_type, ", not ", item.Quoted()}),
                  "correct it, or put it into a slice of its own addressType");
    }
  });
  fields.Struct("conditions", &out->conditions, [](const Place& item, EndpointConditions* conditions) {
    Fields parts(item);
    parts.Boolean("ready", &conditions->ready);
    parts.Boolean("serving", &conditions->serving);
    parts.Boolean("terminating", &conditions->terminating);
    parts.Done();
  });
  fields.Text("hostname", kOptionalLabel, &out->hostname);
  fields.Text("nodeName", kAnyText, &out->node_name);
  fields.Text("zone", kAnyText, &out->zone);
  if (std::optional<Place> target = fields.Find("targetRef")) {
    Fields parts(*target);
    parts.Text("name", kAnyText, &out->target_name);
    parts.Ignore({"kind", "namespace", "uid", "apiVersion", "resourceVersion", "fieldPath"});
    parts.Done();
  }
  fields.Ignore({"hints", "deprecatedTopology"});
  fields.Done();
}

void ReadEndpointPort(const Place& place, EndpointPort* out) {
  Fields fields(place);
  fields.Text("name", kOptionalLabel, &out->name);
  ReadProtocol(fields, &out->protocol);
  fields.Port("port", &out->port);
  fields.Text("appProtocol", kAnyText, &out->app_protocol);
  fields.Done();
}

// One value of Secret.data or ConfigMap.binaryData. The text is not quoted: it may be a key.
bool ReadBase64(const Place& place, std::string* out) {
  std::string text;
  if (!place.Text(kFreeText, &text)) return false;
  std::optional<std::string> bytes = DecodeBase64(text);
  if (!bytes) {
    place.Refuse("must be base64", "encode it with `base64 -w0`, or write plain text under stringData or data");
    return false;
  }
  *out = *std::move(bytes);
  return true;
}

void ReadBase64Map(Fields& fields, std::string_view name, std::map<std::string, std::string>* out) {
  std::map<std::string, std::string> texts;
  fields.TextMap(name, kDataKey, kFreeText, 65536, &texts);
  std::optional<Place> map = fields.Find(name);
  if (!map) return;
  for (size_t i = 0; i < map->node().keys.size(); ++i) {
    const YamlNode& node = map->node().items[i];
    if (node.kind != YamlNode::Kind::kScalar || !texts.contains(map->node().keys[i].text)) continue;
    std::string bytes;
    if (ReadBase64(Place(*map, map->node().keys[i].text, node), &bytes)) {
      (*out)[map->node().keys[i].text] = std::move(bytes);
    }
  }
}

}  // namespace

std::shared_ptr<const Namespace> DecodeNamespace(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<Namespace>();
  object->metadata = std::move(meta);
  object->metadata.labels[std::string(kNamespaceNameLabel)] = object->metadata.name;
  top.Ignore({"spec", "status"});
  top.Done();
  return object;
}

std::shared_ptr<const Service> DecodeService(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<Service>();
  object->metadata = std::move(meta);
  if (std::optional<Place> spec = top.Require("spec", "write spec with ports")) ReadServiceSpec(*spec, &object->spec);
  top.Ignore({"status"});
  top.Done();
  return object;
}

std::shared_ptr<const EndpointSlice> DecodeEndpointSlice(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<EndpointSlice>();
  object->metadata = std::move(meta);
  std::optional<std::string> type;
  if (top.Require("addressType", "write IPv4 or IPv6")) top.Word("addressType", {"IPv4", "IPv6", "FQDN"}, &type);
  object->address_type = type.value_or("");
  top.List("endpoints", 0, 1000, &object->endpoints,
           [&](const Place& place, Endpoint* endpoint) { ReadEndpoint(place, object->address_type, endpoint); });
  top.List("ports", 0, 20000, &object->ports, [&](const Place& place, EndpointPort* port) {
    ReadEndpointPort(place, port);
    for (const EndpointPort& other : object->ports) {
      if (&other == port) break;
      if (other.name == port->name) {
        place.RefuseField("name", Concat({"\"", port->name, "\" occurs twice"}), "give each port its own name");
        break;
      }
    }
  });
  top.Done();
  return object;
}

std::shared_ptr<const Secret> DecodeSecret(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<Secret>();
  object->metadata = std::move(meta);
  std::string type;
  top.Text("type", kAnyText, &type);
  if (!type.empty()) object->type = std::move(type);
  std::map<std::string, std::string> data;
  ReadBase64Map(top, "data", &data);
  std::map<std::string, std::string> plain;
  top.TextMap("stringData", kDataKey, kFreeText, 65536, &plain);
  for (auto& [key, value] : plain) data[key] = std::move(value);
  top.Ignore({"immutable"});
  top.Done();
  if (object->type == "kubernetes.io/tls" && !top.place().decoding().refused) {
    for (const char* key : {"tls.crt", "tls.key"}) {
      if (data.contains(key)) continue;
      top.place().RefuseField("data", Concat({"must hold \"", key, "\" for type kubernetes.io/tls"}),
                              "add it, or choose another type");
    }
  }
  for (auto& [key, value] : data) object->data.emplace(key, SecretBytes(std::move(value)));
  return object;
}

std::shared_ptr<const ConfigMap> DecodeConfigMap(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<ConfigMap>();
  object->metadata = std::move(meta);
  top.TextMap("data", kDataKey, kFreeText, 65536, &object->data);
  ReadBase64Map(top, "binaryData", &object->binary_data);
  for (const auto& [key, value] : object->binary_data) {
    if (object->data.contains(key)) {
      top.place().RefuseField("binaryData", Concat({"holds \"", key, "\", which data holds too"}), "remove one");
    }
  }
  top.Ignore({"immutable"});
  top.Done();
  return object;
}

}  // namespace portreeve::gatewayapi
