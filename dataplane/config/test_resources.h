// For tests: resources and deltas in one line each, and what a configuration does with a request.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/secret_bytes.h"
#include "dataplane/config/runtime_config.h"

namespace portreeve::config::v1 {
class Delta;
class Resource;
}  // namespace portreeve::config::v1

namespace portreeve::config::testing {

// Key and resource, as translate::ResourceMap has them.
using Named = std::pair<std::string, std::shared_ptr<const v1::Resource>>;

// From protobuf text; aborts on text that isn't one. The version is a hash of the content.
Named Parse(const std::string& text);

// listener/ns/gw/NAME. With certificates (keys) it speaks HTTPS.
Named Listener(const std::string& name, int port, const std::string& hostname = "",
               const std::vector<std::string>& certificates = {});

struct RuleSpec {
  std::string route = "r";
  int index = 0;
  // Names of listeners.
  std::vector<std::string> listeners = {"http"};
  std::vector<std::string> hostnames;
  std::string prefix = "/";
  // Names of backends; "": unresolved.
  std::vector<std::string> backends = {"b"};
  // More of the rule, as protobuf text.
  std::string more;
};
// rule/ns/ROUTE/INDEX
Named Rule(const RuleSpec& spec);

// backend/ns/NAME and endpoints/ns/NAME.
Named Backend(const std::string& name);
Named Endpoints(const std::string& name, const std::vector<int>& ports);
// certificate/ns/NAME
Named Certificate(const std::string& name, const std::string& chain, const SecretBytes& key);

// A full delta for base "".
v1::Delta MakeDelta(const std::string& base, const std::string& target, const std::vector<Named>& changed,
                    const std::vector<std::string>& removed = {}, std::uint64_t epoch = 1);

// Who answers: "ns/r/0 -> ns/b[127.0.0.1:80] + ns/c[]", "ns/r/0 -> ?", "no route", "no listener", "no port".
std::string Ask(const RuntimeConfig& config, int port, std::string_view host, std::string_view path);

}  // namespace portreeve::config::testing
