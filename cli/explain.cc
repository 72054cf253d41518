#include "cli/explain.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "dataplane/filter/filter_context.h"
#include "dataplane/proxy/forwarded.h"
#include "dataplane/proxy/listener_choice.h"

namespace portreeve::cli {
namespace {

using http::Reason;

OwnAnswer AnswerOf(Reason reason, std::string detail = "") {
  return {reason, http::Describe(reason).status, "", std::move(detail)};
}

const char* ProtocolName(bool tls) {
  return tls ? "HTTPS" : "HTTP";
}

// "demo/edge" of "demo/edge/http".
std::string GatewayOf(const std::string& listener) {
  return listener.substr(0, listener.rfind('/'));
}

std::string HostText(std::string_view hostname) {
  return hostname.empty() ? "any host" : std::string(hostname);
}

// One request on its way through one configuration.
class Walk {
 public:
  Walk(const CompiledConfig& config, const AskedRequest& asked, const ExplainOptions& options)
      : config_(config), asked_(asked), options_(options), facts_(ConnectionOf(asked)), received_(asked) {
    result_.method = asked.method;
    result_.url = asked.url;
    result_.port = asked.port;
    result_.tls = asked.https;
  }

  Explanation Run() {
    for (const config::Refusal& refusal : config_.refused) {
      result_.notes.push_back(absl::StrCat(refusal.origin.empty() ? refusal.key : refusal.origin,
                                           ": a data plane refuses it: ", refusal.field, ": ", refusal.message));
    }
    if (FindPort() && Handshake() && ReadHead() && FindListener()) FindRule();
    return std::move(result_);
  }

 private:
  bool Answer(OwnAnswer answer) {
    result_.answer = std::move(answer);
    return false;
  }

  bool FindPort() {
    const auto found = config_.runtime->ports.find(asked_.port);
    if (found == config_.runtime->ports.end()) {
      for (const auto& [number, port] : config_.runtime->ports) {
        result_.ports.push_back(
            absl::StrCat(number, " (", ProtocolName(port->tls), ", ", GatewayOf(port->first->name), ")"));
      }
      return Answer({Reason::kNone, 0, "", absl::StrCat("no listener has port ", asked_.port)});
    }
    port_ = found->second.get();
    if (port_->tls == asked_.https) return true;
    return Answer(AnswerOf(asked_.https ? Reason::kMalformedRequest : Reason::kTlsFailed,
                           absl::StrCat("port ", asked_.port, " speaks ", ProtocolName(port_->tls),
                                        ", and the URL says ", asked_.https ? "https" : "http")));
  }

  bool Handshake() {
    if (!asked_.https) return true;
    const auto* listener = proxy::FindListener(*port_, facts_.server_name);
    if (listener == nullptr) {
      TellListeners(facts_.server_name, nullptr);
      return Answer(AnswerOf(Reason::kTlsUnknownName));
    }
    if (!(*listener)->certificates.empty()) return true;
    TellListeners(facts_.server_name, listener->get());
    return Answer(AnswerOf(Reason::kTlsUnknownName,
                           absl::StrCat("listener ", (*listener)->name, " has no certificate that can be used")));
  }

  bool ReadHead() {
    if (received_.refused() != Reason::kNone) return Answer(AnswerOf(received_.refused()));
    http::RequestHead& head = received_.head();
    result_.host = std::string(head.host);
    result_.path = std::string(head.path);
    result_.query = std::string(head.query);
    const http::HeaderList before = head.headers;
    upstream::Random random;
    const std::string_view id = proxy::RequestId(head, received_.arena(), random);
    proxy::SetForwarded(head, received_.arena(), proxy::ProxyOptions(), facts_, head.authority, id);
    TellReplaced(before);
    return true;
  }

  // What a client says about itself is the data plane's to write.
  void TellReplaced(const http::HeaderList& before) {
    const http::HeaderList& after = received_.head().headers;
    std::set<http::HeaderId> seen;
    for (const http::HeaderField& field : before) {
      if (field.id == http::HeaderId::kOther || !seen.insert(field.id).second) continue;
      const http::HeaderField* kept = after.Find(field.id);
      if (kept != nullptr && kept->value == field.value && after.Count(field.id) == before.Count(field.id)) continue;
      result_.notes.push_back(absl::StrCat("the data plane replaces or drops ", std::string(field.name),
                                           " unless the client is a trusted proxy: rules don't see what was given"));
    }
  }

  bool FindListener() {
    const http::RequestHead& head = received_.head();
    const proxy::ListenerChoice choice = proxy::ChooseListener(*port_, facts_, head.host);
    TellListeners(head.host, choice.listener);
    if (choice.listener == nullptr) {
      std::string detail;
      if (choice.reason == Reason::kMisdirected) {
        detail = absl::StrCat("the handshake was for ", HostText(facts_.server_name), ", the request is for ",
                              std::string(head.host));
      }
      return Answer(AnswerOf(choice.reason, std::move(detail)));
    }
    listener_ = choice.listener;
    result_.gateway = GatewayOf(listener_->name);
    result_.listener = listener_->name.substr(result_.gateway.size() + 1);
    return true;
  }

  void TellListeners(std::string_view host, const config::Listener* chosen) {
    std::vector<const config::Listener*> all;
    port_->listeners.ForEach([&](std::string_view, const auto& listener) { all.push_back(listener.get()); });
    std::ranges::sort(all, {}, [](const config::Listener* listener) { return listener->name; });
    for (const config::Listener* listener : all) {
      ListenerChoiceText text{listener->name, listener->hostname, listener == chosen, ""};
      bool covers = false;
      port_->listeners.Visit(host, [&](const auto& one) { return covers = one.get() == listener; });
      if (!covers) {
        text.why = absl::StrCat(listener->hostname, " doesn't cover ",
                                host.empty() ? "a handshake without a name" : std::string(host));
      } else if (chosen == listener) {
        text.why = "of those that cover the host it has the most specific hostname";
      } else if (chosen != nullptr) {
        text.why = absl::StrCat(HostText(listener->hostname), " is less specific than ", HostText(chosen->hostname));
      } else {
        text.why = "it covers the host, but the name of the TLS handshake belongs elsewhere";
      }
      result_.listeners.push_back(std::move(text));
    }
  }

  void FindRule() {
    const http::RequestHead& head = received_.head();
    const route::RouteMatch match = listener_->routes->Match(head);
    result_.others = OtherRules(config_, listener_->key, head, match);
    if (result_.others.size() > options_.most_others) {
      result_.others_left_out = result_.others.size() - options_.most_others;
      result_.others.resize(options_.most_others);
    }
    if (!match) {
      Answer(AnswerOf(Reason::kNoRoute));
      return;
    }
    TellRule(match);
    RunFilters(match);
  }

  void TellRule(const route::RouteMatch& match) {
    const config::Rule& rule = *match.rule;
    ServingRule serving;
    serving.route = rule.route;
    serving.rule = rule.index;
    serving.name = rule.name;
    serving.match = match.match_index;
    serving.hostname = std::string(match.hostname);
    serving.request_timeout = rule.request_timeout;
    serving.backend_request_timeout = rule.backend_request_timeout;
    serving.total_weight = rule.total_weight;
    const auto texts = config_.rules.find(KeyOf(rule));
    if (texts != config_.rules.end()) {
      serving.filters = texts->second.filters;
      serving.conditions = ConditionsText(texts->second.compiled.matches[match.match_index]);
      texts_ = &texts->second;
    }
    result_.rule = std::move(serving);
  }

  void RunFilters(const route::RouteMatch& match) {
    const config::Rule& rule = *match.rule;
    http::RequestHead head = received_.head();
    result_.answer = Filter({&rule.filters}, match, head);
    if (!result_.answer && rule.total_weight == 0) result_.answer = AnswerOf(Reason::kNoBackends);
    for (std::size_t i = 0; i < rule.backends.size(); ++i) {
      result_.rule->backends.push_back(Try(rule, i, match));
    }
  }

  // What the chains answer; nothing: the request goes on, as `head` is then.
  std::optional<OwnAnswer> Filter(const std::vector<const filter::FilterChain*>& chains, const route::RouteMatch& match,
                                  http::RequestHead& head) {
    filter::FilterContext context{received_.arena(), asked_.port, match.matched_prefix, {}, Reason::kNone};
    for (const filter::FilterChain* chain : chains) {
      const filter::FilterResult result = chain->OnRequest(head, context);
      if (result == filter::FilterResult::kContinue) continue;
      OwnAnswer answer = AnswerOf(context.reason);
      if (result == filter::FilterResult::kReply) {
        answer.status = context.reply.status;
        answer.location = std::string(context.reply.location);
      }
      return answer;
    }
    return std::nullopt;
  }

  BackendOutcome Try(const config::Rule& rule, std::size_t index, const route::RouteMatch& match) {
    const config::WeightedBackend& weighted = rule.backends[index];
    BackendOutcome outcome;
    outcome.weight = weighted.weight;
    if (texts_ != nullptr && index < texts_->backend_filters.size()) outcome.filters = texts_->backend_filters[index];
    const upstream::Backend* backend = nullptr;
    if (weighted.backend < config_.runtime->backends.size()) {
      backend = config_.runtime->backends[weighted.backend].get();
    }
    if (backend != nullptr) {
      outcome.name = backend->name;
      for (const upstream::Endpoint& endpoint : backend->endpoints) outcome.endpoints.push_back(endpoint.text);
    }
    http::RequestHead head = received_.head();
    outcome.answer = Filter({&rule.filters, &weighted.filters}, match, head);
    if (outcome.answer) return outcome;
    if (backend == nullptr) {
      outcome.answer = AnswerOf(Reason::kBackendUnresolved, weighted.unresolved);
    } else if (backend->endpoints.empty()) {
      outcome.answer = AnswerOf(Reason::kNoEndpoints);
    } else {
      outcome.path = absl::StrCat(std::string(head.path), head.has_query ? "?" : "", std::string(head.query));
      outcome.host = std::string(head.authority);
    }
    return outcome;
  }

  const CompiledConfig& config_;
  const AskedRequest& asked_;
  const ExplainOptions options_;
  const proxy::ConnectionFacts facts_;
  ReceivedRequest received_;
  const config::Port* port_ = nullptr;
  const config::Listener* listener_ = nullptr;
  const CompiledConfig::Rule* texts_ = nullptr;
  Explanation result_;
};

bool IsRedirect(const OwnAnswer& answer) {
  return answer.reason == Reason::kRedirected;
}

}  // namespace

bool Explanation::served() const {
  if (answer) return IsRedirect(*answer);
  return rule && std::ranges::all_of(rule->backends, [](const BackendOutcome& backend) {
           return backend.weight == 0 || !backend.answer || IsRedirect(*backend.answer);
         });
}

Explanation Explain(const CompiledConfig& config, const AskedRequest& asked, const ExplainOptions& options) {
  return Walk(config, asked, options).Run();
}

}  // namespace portreeve::cli
