// What the gateway would do with a request, and why with no other rule. The decision is made by the data plane's own
// code: its codec, its compiler, ChooseListener, RouteTable::Match and the filter chains.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/compiled_config.h"
#include "cli/request.h"
#include "dataplane/http/reason.h"

namespace portreeve::cli {

// What the gateway answers by itself.
struct OwnAnswer {
  http::Reason reason = http::Reason::kNone;
  // 0: no answer can be sent, the connection ends.
  int status = 0;
  // Of a redirect.
  std::string location;
  // What the reason's own words leave open; may be empty.
  std::string detail;
};

// A listener of the port.
struct ListenerChoiceText {
  std::string name;  // "demo/edge/http"
  std::string hostname;
  bool chosen = false;
  // Why it is, or isn't.
  std::string why;
};

// A backend of the rule, and what happens to the share of requests that it gets.
struct BackendOutcome {
  // "demo/shop:80"; empty if it can't be resolved.
  std::string name;
  std::uint32_t weight = 0;
  std::vector<FilterText> filters;
  std::vector<std::string> endpoints;
  // As sent to an endpoint; empty with `answer`.
  std::string path;
  std::string host;
  // The gateway answers its share.
  std::optional<OwnAnswer> answer;
};

// Another rule that is attached to the listener.
struct OtherRule {
  // How far the request got with it, in this order.
  enum class Fails : std::uint8_t { kHostname, kPath, kMethod, kHeader, kQuery, kPrecedence };

  std::string route;  // "demo/shop"
  std::uint32_t rule = 0;
  std::string name;
  // The match that came closest.
  std::uint32_t match = 0;
  Fails fails = Fails::kHostname;
  // The condition and what is wrong with it, or which rule of precedence decides.
  std::string why;
};

// "hostname", "path", "method", "header", "query", "precedence".
const char* NameOf(OtherRule::Fails fails);

// The rule that serves the request.
struct ServingRule {
  std::string route;
  std::uint32_t rule = 0;
  std::string name;
  std::uint32_t match = 0;
  // As written in the route; empty: any host.
  std::string hostname;
  // "path prefix /cart, method GET, header x-canary = always"
  std::string conditions;
  std::vector<FilterText> filters;
  // Unset: the data plane's default; 0: none.
  std::optional<std::chrono::milliseconds> request_timeout;
  std::optional<std::chrono::milliseconds> backend_request_timeout;
  std::uint64_t total_weight = 0;
  std::vector<BackendOutcome> backends;
};

struct Explanation {
  std::string method;
  std::string url;
  // Normalised, as they are matched; empty if the head is refused.
  std::string host;
  std::string path;
  std::string query;

  // Of the listener; empty if there is none for the request.
  std::string gateway;
  std::string listener;
  std::uint16_t port = 0;
  bool tls = false;
  std::vector<ListenerChoiceText> listeners;
  // Ports that there are, if the URL's isn't one: "8080 (HTTP, demo/edge)".
  std::vector<std::string> ports;

  std::optional<ServingRule> rule;
  // The gateway answers all such requests by itself.
  std::optional<OwnAnswer> answer;

  // Closest first.
  std::vector<OtherRule> others;
  std::size_t others_left_out = 0;
  // What else a reader should know.
  std::vector<std::string> notes;

  // A backend or a redirect answers, whichever backend is drawn.
  bool served() const;
};

struct ExplainOptions {
  std::size_t most_others = 20;
};

Explanation Explain(const CompiledConfig& config, const AskedRequest& asked, const ExplainOptions& options = {});

// "path prefix /cart, method GET"; never empty.
std::string ConditionsText(const route::Match& match);

// The other rules of a listener, closest first. `head` as it is matched; `found` empty: no rule matches.
std::vector<OtherRule> OtherRules(const CompiledConfig& config, const std::string& listener_key,
                                  const http::RequestHead& head, const route::RouteMatch& found);

}  // namespace portreeve::cli
