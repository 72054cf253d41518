#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "cli/explain_command.h"
#include "dataplane/http/limits.h"

namespace portreeve::cli {
namespace {

using Json = nlohmann::ordered_json;

void Line(std::ostream& out, std::string_view label, std::string_view text) {
  constexpr std::size_t kWidth = 11;
  out << label << std::string(kWidth - std::min(kWidth - 1, label.size()), ' ') << text << "\n";
}

std::string HostText(const std::string& hostname) {
  return hostname.empty() ? "any host" : "host " + hostname;
}

std::string RuleText(const std::string& route, std::uint32_t rule, const std::string& name) {
  return absl::StrCat("HTTPRoute ", route, " rules[", rule, "]", name.empty() ? "" : absl::StrCat(" '", name, "'"));
}

std::string TimeoutText(const std::optional<std::chrono::milliseconds>& timeout, std::string_view unset) {
  if (!timeout) return std::string(unset);
  return timeout->count() == 0 ? "no limit" : absl::StrCat(timeout->count(), " ms");
}

std::string AnswerText(const OwnAnswer& answer) {
  if (answer.reason == http::Reason::kNone) return absl::StrCat(answer.detail, ": the connection is refused");
  const http::ReasonText& text = http::Describe(answer.reason);
  const std::string status = answer.status == 0 ? "no answer, the connection ends" : absl::StrCat(answer.status);
  if (!answer.location.empty()) {
    return absl::StrCat(status, " ", std::string(text.word), ", Location: ", answer.location);
  }
  std::string result = absl::StrCat(status, " ", std::string(text.word), ": ", std::string(text.sentence));
  if (!answer.detail.empty()) absl::StrAppend(&result, " (", answer.detail, ")");
  return result;
}

void PrintFilters(const std::vector<FilterText>& filters, std::string_view label, std::ostream& out) {
  for (std::size_t i = 0; i < filters.size(); ++i) {
    Line(out, i == 0 ? label : "", absl::StrCat(i + 1, ". ", filters[i].type, ": ", filters[i].text));
  }
}

void PrintBackend(const BackendOutcome& backend, const ServingRule& rule, const std::string& method,
                  std::string_view label, std::ostream& out) {
  std::string text = absl::StrCat(backend.name.empty() ? "(unresolved)" : backend.name, ", weight ", backend.weight,
                                  " of ", rule.total_weight);
  if (backend.weight == 0) absl::StrAppend(&text, ": gets nothing");
  Line(out, label, text);
  PrintFilters(backend.filters, "", out);
  if (backend.answer) {
    Line(out, "", "answer: " + AnswerText(*backend.answer));
    return;
  }
  Line(out, "", absl::StrCat("endpoints: ", absl::StrJoin(backend.endpoints, ", ")));
  Line(out, "", absl::StrCat("sent: ", method, " ", backend.path, ", Host: ", backend.host));
}

void PrintRule(const Explanation& explanation, std::ostream& out) {
  const ServingRule& rule = *explanation.rule;
  Line(out, "route", RuleText(rule.route, rule.rule, rule.name));
  Line(out, "match", absl::StrCat("matches[", rule.match, "]: ", HostText(rule.hostname), ", ", rule.conditions));
  PrintFilters(rule.filters, "filters", out);
  const http::Limits limits;
  Line(out, "timeouts",
       absl::StrCat(
           "request ",
           TimeoutText(rule.request_timeout, absl::StrCat(limits.request_timeout_ms, " ms (the data plane's default)")),
           ", backend request ", TimeoutText(rule.backend_request_timeout, "no limit of its own")));
  // A redirect of the rule asks no backend.
  if (explanation.answer) return;
  for (std::size_t i = 0; i < rule.backends.size(); ++i) {
    PrintBackend(rule.backends[i], rule, explanation.method, i == 0 ? "backends" : "", out);
  }
}

void PrintListeners(const Explanation& explanation, std::ostream& out) {
  for (const ListenerChoiceText& listener : explanation.listeners) {
    if (!listener.chosen) out << "  listener " << listener.name << ": " << listener.why << "\n";
  }
}

Json AnswerJson(const OwnAnswer& answer) {
  Json json = {{"status", answer.status}};
  if (answer.reason == http::Reason::kNone) {
    json["reason"] = nullptr;
  } else {
    const http::ReasonText& text = http::Describe(answer.reason);
    json["reason"] = text.word;
    json["origin"] = http::OriginName(text.origin);
    json["message"] = text.sentence;
    json["remedy"] = text.remedy;
  }
  if (!answer.detail.empty()) json["detail"] = answer.detail;
  if (!answer.location.empty()) json["location"] = answer.location;
  return json;
}

Json FiltersJson(const std::vector<FilterText>& filters) {
  Json json = Json::array();
  for (const FilterText& filter : filters) json.push_back({{"type", filter.type}, {"text", filter.text}});
  return json;
}

Json BackendJson(const BackendOutcome& backend) {
  Json json = {{"name", backend.name},
               {"weight", backend.weight},
               {"filters", FiltersJson(backend.filters)},
               {"endpoints", backend.endpoints}};
  if (backend.answer) {
    json["answer"] = AnswerJson(*backend.answer);
  } else {
    json["path"] = backend.path;
    json["host"] = backend.host;
  }
  return json;
}

Json MillisecondsJson(const std::optional<std::chrono::milliseconds>& timeout) {
  return timeout ? Json(timeout->count()) : Json(nullptr);
}

Json RuleJson(const ServingRule& rule) {
  Json json = {{"route", rule.route},
               {"rule", rule.rule},
               {"name", rule.name},
               {"match", rule.match},
               {"hostname", rule.hostname},
               {"conditions", rule.conditions},
               {"filters", FiltersJson(rule.filters)},
               {"requestTimeoutMs", MillisecondsJson(rule.request_timeout)},
               {"backendRequestTimeoutMs", MillisecondsJson(rule.backend_request_timeout)},
               {"totalWeight", rule.total_weight},
               {"backends", Json::array()}};
  for (const BackendOutcome& backend : rule.backends) json["backends"].push_back(BackendJson(backend));
  return json;
}

}  // namespace

void PrintText(const Explanation& explanation, std::ostream& out) {
  out << explanation.method << " " << explanation.url << "\n\n";
  if (!explanation.listener.empty()) {
    Line(out, "gateway", explanation.gateway);
    const auto chosen = std::ranges::find_if(explanation.listeners, &ListenerChoiceText::chosen);
    Line(out, "listener",
         absl::StrCat(explanation.listener, ", port ", explanation.port, ", ", explanation.tls ? "HTTPS" : "HTTP", ", ",
                      HostText(chosen == explanation.listeners.end() ? "" : chosen->hostname)));
  }
  if (explanation.rule) PrintRule(explanation, out);
  if (explanation.answer) {
    Line(out, "answer", AnswerText(*explanation.answer));
    const http::Reason reason = explanation.answer->reason;
    if (reason != http::Reason::kNone && reason != http::Reason::kRedirected) {
      Line(out, "remedy", http::Describe(reason).remedy);
    }
  }
  if (explanation.answer && explanation.answer->reason == http::Reason::kNone) {
    Line(out, "ports", explanation.ports.empty() ? "there are none" : absl::StrJoin(explanation.ports, ", "));
  }
  for (std::size_t i = 0; i < explanation.notes.size(); ++i) Line(out, i == 0 ? "notes" : "", explanation.notes[i]);
  const bool more_listeners = std::ranges::any_of(explanation.listeners, [](const auto& one) { return !one.chosen; });
  if (explanation.others.empty() && !more_listeners) return;
  out << "\nwhy not\n";
  PrintListeners(explanation, out);
  for (const OtherRule& other : explanation.others) {
    out << "  " << RuleText(other.route, other.rule, other.name) << ": " << NameOf(other.fails) << ": " << other.why
        << "\n";
  }
  if (explanation.others_left_out > 0) {
    out << "  and " << explanation.others_left_out << " further off; --all shows them\n";
  }
}

void PrintJson(const Explanation& explanation, std::ostream& out) {
  Json json = {{"request",
                {{"method", explanation.method},
                 {"url", explanation.url},
                 {"host", explanation.host},
                 {"path", explanation.path},
                 {"query", explanation.query}}},
               {"gateway", explanation.gateway},
               {"listener", explanation.listener},
               {"port", explanation.port},
               {"protocol", explanation.tls ? "HTTPS" : "HTTP"},
               {"rule", explanation.rule ? RuleJson(*explanation.rule) : Json(nullptr)},
               {"answer", explanation.answer ? AnswerJson(*explanation.answer) : Json(nullptr)},
               {"listeners", Json::array()},
               {"ports", explanation.ports},
               {"others", Json::array()},
               {"othersLeftOut", explanation.others_left_out},
               {"notes", explanation.notes}};
  for (const ListenerChoiceText& listener : explanation.listeners) {
    json["listeners"].push_back(
        {{"name", listener.name}, {"hostname", listener.hostname}, {"chosen", listener.chosen}, {"why", listener.why}});
  }
  for (const OtherRule& other : explanation.others) {
    json["others"].push_back({{"route", other.route},
                              {"rule", other.rule},
                              {"name", other.name},
                              {"match", other.match},
                              {"fails", NameOf(other.fails)},
                              {"why", other.why}});
  }
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace portreeve::cli
