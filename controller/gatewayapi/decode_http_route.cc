// HTTPRoute, all but its filters.
#include <algorithm>
#include <utility>

#include "controller/gatewayapi/decode_kinds.h"

namespace portreeve::gatewayapi {
namespace {

const TextRule kPathText{IsFieldValue, "must be text without control characters", "remove them", 0, 1024};
const TextRule kCookiePath{IsFieldValue, "must be a path", "write it as in \"/\"", 0, 1024};

void ReadParentRef(const Place& place, ParentReference* out) {
  Fields fields(place);
  fields.Text("group", kGroup, &out->group);
  fields.Text("kind", kKindName, &out->kind);
  fields.Text("namespace", kDnsLabel, &out->namespace_);
  fields.RequireText("name", kReferencedName, &out->name);
  fields.Text("sectionName", kObjectName, &out->section_name);
  fields.Port("port", &out->port);
  fields.Done();
}

bool SameParent(const ParentReference& a, const ParentReference& b) {
  return a.group == b.group && a.kind == b.kind && a.name == b.name && a.namespace_ == b.namespace_;
}

void ReadParentRefs(Fields& fields, std::vector<ParentReference>* out) {
  fields.List("parentRefs", 0, 32, out, [&](const Place& place, ParentReference* parent) {
    ReadParentRef(place, parent);
    for (const ParentReference& other : *out) {
      if (&other == parent) break;
      if (!SameParent(other, *parent)) continue;
      const bool same_form = other.section_name.has_value() == parent->section_name.has_value() &&
                             other.port.has_value() == parent->port.has_value();
      if (!same_form || (other.section_name == parent->section_name && other.port == parent->port)) {
        place.Refuse(Concat({"refers to \"", parent->name, "\" again without another sectionName or port"}),
                     "name a different sectionName or port in each, or remove one");
      }
    }
  });
}

// The CEL rules of HTTPPathMatch, in the order of the CRD.
void CheckPath(const Place& place, const HTTPPathMatch& match) {
  if (match.type == PathMatchType::kRegularExpression) return;
  const std::string& value = match.value;
  const auto refuse = [&](std::string message, std::string remedy) {
    place.RefuseField("value", std::move(message), std::move(remedy));
  };
  if (!value.starts_with('/')) {
    refuse("must start with \"/\"", Concat({"write \"/", std::string_view(value).substr(0, 80), "\""}));
    return;
  }
  static constexpr std::string_view kInside[] = {"//", "/./", "/../", "%2f", "%2F", "#"};
  for (const std::string_view part : kInside) {
    if (value.find(part) != std::string::npos) {
      refuse(Concat({"must not contain \"", part, "\""}), "write the normalised path, as requests are matched by it");
      return;
    }
  }
  if (value.ends_with("/..") || value.ends_with("/.")) {
    refuse("must not end with \"/.\" or \"/..\"", "write the normalised path, as requests are matched by it");
  } else if (!IsUriPath(value)) {
    refuse("must hold only characters that a path may have", "percent-encode all others, as in \"%20\"");
  }
}

void ReadPathMatch(const Place& place, HTTPPathMatch* out) {
  Fields fields(place);
  fields.Enum<PathMatchType>("type",
                             {{"Exact", PathMatchType::kExact},
                              {"PathPrefix", PathMatchType::kPathPrefix},
                              {"RegularExpression", PathMatchType::kRegularExpression}},
                             &out->type);
  fields.Text("value", kPathText, &out->value);
  fields.Done();
  CheckPath(place, *out);
}

// Header and query parameter matches differ in the rule for the value only.
template <typename T>
void ReadValueMatches(Fields& fields, std::string_view name, const TextRule& value_rule, std::vector<T>* out) {
  fields.List(name, 0, 16, out, [&](const Place& place, T* match) {
    Fields parts(place);
    parts.Enum<ValueMatchType>(
        "type", {{"Exact", ValueMatchType::kExact}, {"RegularExpression", ValueMatchType::kRegularExpression}},
        &match->type);
    parts.RequireText("name", kHeaderName, &match->name);
    parts.RequireText("value", value_rule, &match->value);
    parts.Done();
    for (const T& other : *out) {
      if (&other != match && other.name == match->name) {
        place.RefuseField("name", Concat({"\"", match->name, "\" occurs twice"}), "write one entry for each name");
      }
    }
  });
}

void ReadMatch(const Place& place, HTTPRouteMatch* out) {
  Fields fields(place);
  fields.Struct("path", &out->path, ReadPathMatch);
  ReadValueMatches(fields, "headers", kHeaderValue, &out->headers);
  ReadValueMatches(fields, "queryParams", kQueryValue, &out->query_params);
  fields.Word("method", {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}, &out->method);
  fields.Done();
}

void ReadBackendRef(const Place& place, HTTPBackendRef* out) {
  Fields fields(place);
  ReadBackendFields(fields, &out->group, &out->kind, &out->namespace_, &out->name, &out->port);
  fields.Integer("weight", 0, 1'000'000, &out->weight);
  ReadFilters(fields, &out->filters);
  fields.Done();
}

void ReadTimeouts(const Place& place, HTTPRouteTimeouts* out) {
  Fields fields(place);
  fields.Duration("request", &out->request);
  fields.Duration("backendRequest", &out->backend_request);
  fields.Done();
  if (out->request && out->backend_request && out->request->count() != 0 && *out->backend_request > *out->request) {
    place.RefuseField("backendRequest", "must not be longer than request", "shorten it, or write request: 0s");
  }
}

void ReadRetry(const Place& place, HTTPRouteRetry* out) {
  Fields fields(place);
  fields.List("codes", 0, 256, &out->codes, [&](const Place& item, int* code) {
    int64_t value = 0;
    if (!item.Integer(400, 599, &value)) return;
    *code = static_cast<int>(value);
    if (std::ranges::count(out->codes, *code) > 1) item.Refuse(Concat({item.Quoted(), " occurs twice"}), "remove one");
  });
  fields.Integer("attempts", 0, std::numeric_limits<int32_t>::max(), &out->attempts);
  fields.Duration("backoff", &out->backoff);
  fields.Done();
}

void ReadSessionPersistence(const Place& place, SessionPersistence* out) {
  using Type = SessionPersistence::Type;
  Fields fields(place);
  fields.Enum<Type>("type", {{"Cookie", Type::kCookie}, {"Header", Type::kHeader}}, &out->type);
  fields.Duration("absoluteTimeout", &out->absolute_timeout);
  const bool cookie = out->type == Type::kCookie;
  if (std::optional<Place> own = fields.Require(cookie ? "cookie" : "header", "the type needs it")) {
    Fields parts(*own);
    if (cookie) {
      parts.Text("name", kHeaderName, &out->cookie_name);
      parts.Text("path", kCookiePath, &out->cookie_path);
      parts.Enum<bool>("lifetimeType", {{"Permanent", true}, {"Session", false}}, &out->cookie_permanent);
    } else {
      std::string name;
      parts.RequireText("name", kHeaderName, &name);
      out->header_name = std::move(name);
    }
    parts.Done();
  }
  if (fields.Find(cookie ? "header" : "cookie")) {
    place.RefuseField(cookie ? "header" : "cookie", "must not be set for the other type", "remove it");
  }
  fields.Done();
  if (out->cookie_permanent && !out->absolute_timeout) {
    place.RefuseField("absoluteTimeout", "is required when lifetimeType is Permanent", "write it as in \"1h\"");
  }
}

bool ReplacesPrefix(const std::vector<HTTPRouteFilter>& filters) {
  const auto prefix = [](const std::optional<HTTPPathModifier>& path) {
    return path && path->type == HTTPPathModifier::Type::kReplacePrefixMatch;
  };
  return std::ranges::any_of(filters, [&](const HTTPRouteFilter& filter) {
    return (filter.request_redirect && prefix(filter.request_redirect->path)) ||
           (filter.url_rewrite && prefix(filter.url_rewrite->path));
  });
}

// The rules that concern more than one field of a rule. `matches` is as written, before an empty list gets its default.
void CheckRule(const Place& place, const HTTPRouteRule& rule) {
  const bool redirects = std::ranges::any_of(
      rule.filters, [](const HTTPRouteFilter& filter) { return filter.request_redirect.has_value(); });
  if (redirects && !rule.backend_refs.empty()) {
    place.RefuseField("backendRefs", "must not be set beside a RequestRedirect filter", "remove one of the two");
  }
  const bool one_prefix = rule.matches.size() == 1 && rule.matches[0].path.type == PathMatchType::kPathPrefix;
  const bool replaces = ReplacesPrefix(rule.filters) || std::ranges::any_of(rule.backend_refs, [](const auto& backend) {
                          return ReplacesPrefix(backend.filters);
                        });
  if (replaces && !one_prefix) {
    place.RefuseField("matches", "must be exactly one PathPrefix match when a filter replaces the prefix",
                      "split the rule, one for each match");
  }
}

void ReadRule(const Place& place, HTTPRouteRule* out) {
  Fields fields(place);
  fields.Text("name", kObjectName, &out->name);
  const bool matches_given = fields.Has("matches");
  fields.List("matches", 0, 64, &out->matches, ReadMatch);
  if (!matches_given) out->matches.emplace_back();
  ReadFilters(fields, &out->filters);
  fields.List("backendRefs", 0, 16, &out->backend_refs, ReadBackendRef);
  fields.Struct("timeouts", &out->timeouts, ReadTimeouts);
  fields.Struct("retry", &out->retry, ReadRetry);
  fields.Struct("sessionPersistence", &out->session_persistence, ReadSessionPersistence);
  fields.Done();
  CheckRule(place, *out);
  if (out->matches.empty()) out->matches.emplace_back();
}

void ReadRules(Fields& fields, std::vector<HTTPRouteRule>* out) {
  if (!fields.Has("rules")) out->emplace_back().matches.emplace_back();
  size_t matches = 0;
  fields.List("rules", 1, 16, out, [&](const Place& place, HTTPRouteRule* rule) {
    ReadRule(place, rule);
    matches += rule->matches.size();
    for (const HTTPRouteRule& other : *out) {
      if (&other != rule && rule->name && other.name == rule->name) {
        place.RefuseField("name", Concat({"\"", *rule->name, "\" occurs twice"}), "give each rule its own name");
      }
    }
  });
  if (matches > 128) {
    fields.place().RefuseField(
        "rules", Concat({"must not have more than 128 matches in all, but have ", std::to_string(matches)}),
        "split the route");
  }
}

void ReadSpec(const Place& place, HTTPRoute::Spec* out) {
  Fields fields(place);
  ReadParentRefs(fields, &out->parent_refs);
  fields.TextList("hostnames", kHostname, 16, false, &out->hostnames);
  ReadRules(fields, &out->rules);
  fields.Word("useDefaultGateways", {"All", "None"}, &out->use_default_gateways);
  fields.Done();
}

void ReadParentStatus(const Place& place, RouteParentStatus* out) {
  Fields fields(place);
  if (std::optional<Place> parent = fields.Require("parentRef", "write the parent it is about")) {
    ReadParentRef(*parent, &out->parent_ref);
  }
  fields.RequireText("controllerName", kControllerName, &out->controller_name);
  ReadConditions(fields, &out->conditions);
  fields.Done();
}

}  // namespace

std::shared_ptr<const HTTPRoute> DecodeHTTPRoute(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<HTTPRoute>();
  object->metadata = std::move(meta);
  if (std::optional<Place> spec = top.Require("spec", "write spec with parentRefs and rules")) {
    ReadSpec(*spec, &object->spec);
  }
  top.Struct("status", &object->status, [](const Place& place, HTTPRoute::Status* status) {
    Fields fields(place);
    fields.List("parents", 0, 32, &status->parents, ReadParentStatus);
    fields.Done();
  });
  top.Done();
  return object;
}

}  // namespace portreeve::gatewayapi
