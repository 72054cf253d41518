#include "dataplane/config/test_resources.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/text_format.h>

#include <cstdio>
#include <cstdlib>
#include <functional>

#include "dataplane/http/message.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::config::testing {
namespace {

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

Named Seal(v1::Resource resource) {
  resource.set_version(absl::StrCat(absl::Hex(std::hash<std::string>()(resource.SerializeAsString()))));
  std::string key = resource.key();
  return {std::move(key), std::make_shared<const v1::Resource>(std::move(resource))};
}

std::string Describe(const RuntimeConfig& config, const config::Rule& rule) {
  std::string text = absl::StrCat(rule.route, "/", rule.index, " ->");
  const char* separator = " ";
  for (const WeightedBackend& backend : rule.backends) {
    text += separator;
    separator = " + ";
    if (backend.backend == WeightedBackend::kUnresolved) {
      text += "?";
      continue;
    }
    const auto& target = config.backends.at(backend.backend);
    absl::StrAppend(&text, target->name, "[");
    for (const auto& endpoint : target->endpoints) absl::StrAppend(&text, endpoint.text, " ");
    if (text.back() == ' ') text.pop_back();
    text += "]";
  }
  return text;
}

}  // namespace

Named Parse(const std::string& text) {
  v1::Resource resource;
  if (!google::protobuf::TextFormat::ParseFromString(text, &resource)) {
    std::fprintf(stderr, "not a resource: %s\n", text.c_str());
    std::abort();
  }
  return Seal(std::move(resource));
}

Named Listener(const std::string& name, int port, const std::string& hostname,
               const std::vector<std::string>& certificates) {
  v1::Resource resource;
  resource.set_key(absl::StrCat("listener/ns/gw/", name));
  resource.set_origin("Gateway ns/gw");
  v1::Listener& listener = *resource.mutable_listener();
  listener.set_name(absl::StrCat("ns/gw/", name));
  listener.set_port(static_cast<std::uint32_t>(port));
  listener.set_protocol(certificates.empty() ? v1::Listener::HTTP : v1::Listener::HTTPS);
  listener.set_hostname(hostname);
  for (const std::string& certificate : certificates) listener.add_certificates(certificate);
  return Seal(std::move(resource));
}

Named Rule(const RuleSpec& spec) {
  std::string text =
      absl::StrCat("key: ", Quoted(absl::StrCat("rule/ns/", spec.route, "/", spec.index)),
                   " origin: ", Quoted(absl::StrCat("HTTPRoute ns/", spec.route)),
                   " rule { route_namespace: \"ns\" route_name: ", Quoted(spec.route), " index: ", spec.index);
  for (const std::string& listener : spec.listeners) {
    absl::StrAppend(&text, " attachments { listener: ", Quoted(absl::StrCat("listener/ns/gw/", listener)));
    for (const std::string& hostname : spec.hostnames) absl::StrAppend(&text, " hostnames: ", Quoted(hostname));
    text += " }";
  }
  absl::StrAppend(&text, " matches { path { type: PREFIX value: ", Quoted(spec.prefix), " } }");
  for (const std::string& backend : spec.backends) {
    text += " backends { weight: 1";
    if (!backend.empty()) absl::StrAppend(&text, " backend: ", Quoted(absl::StrCat("backend/ns/", backend)));
    text += " }";
  }
  absl::StrAppend(&text, " ", spec.more, " }");
  return Parse(text);
}

Named Backend(const std::string& name) {
  return Parse(absl::StrCat("key: ", Quoted(absl::StrCat("backend/ns/", name)),
                            " backend { name: ", Quoted(absl::StrCat("ns/", name)),
                            " endpoints: ", Quoted(absl::StrCat("endpoints/ns/", name)), " }"));
}

Named Endpoints(const std::string& name, const std::vector<int>& ports) {
  std::string text = absl::StrCat("key: ", Quoted(absl::StrCat("endpoints/ns/", name)), " endpoints {");
  for (const int port : ports) absl::StrAppend(&text, " endpoints { address: \"127.0.0.1\" port: ", port, " }");
  return Parse(text + " }");
}

Named Certificate(const std::string& name, const std::string& chain, const SecretBytes& key) {
  v1::Resource resource;
  resource.set_key(absl::StrCat("certificate/ns/", name));
  resource.set_origin(absl::StrCat("Secret ns/", name));
  resource.mutable_certificate()->set_chain(chain);
  resource.mutable_certificate()->set_private_key(std::string(key.Reveal()));
  return Seal(std::move(resource));
}

v1::Delta MakeDelta(const std::string& base, const std::string& target, const std::vector<Named>& changed,
                    const std::vector<std::string>& removed, std::uint64_t epoch) {
  v1::Delta delta;
  delta.set_nonce(1);
  delta.set_epoch(epoch);
  delta.set_base(base);
  delta.set_target(target);
  for (const auto& [key, resource] : changed) *delta.add_changed() = *resource;
  for (const std::string& key : removed) delta.add_removed(key);
  return delta;
}

std::string Ask(const RuntimeConfig& config, int port, std::string_view host, std::string_view path) {
  const auto open = config.ports.find(static_cast<std::uint16_t>(port));
  if (open == config.ports.end()) return "no port";
  std::shared_ptr<const config::Listener> owner;
  open->second->listeners.Visit(host, [&](const std::shared_ptr<const config::Listener>& listener) {
    owner = listener;
    return true;
  });
  if (owner == nullptr) return "no listener";
  http::RequestHead head;
  head.method = "GET";
  head.path = path;
  head.authority = host;
  head.host = host;
  const route::RouteMatch match = owner->routes->Match(head);
  return match ? Describe(config, *match.rule) : "no route";
}

}  // namespace portreeve::config::testing
