// The filters of an HTTPRoute's rules and backendRefs.
#include <algorithm>
#include <array>
#include <utility>

#include "controller/gatewayapi/decode_kinds.h"

namespace portreeve::gatewayapi {
namespace {

using Type = HTTPRouteFilter::Type;

bool IsOrigin(std::string_view text) {
  if (text == "*") return true;
  if (!text.starts_with("http://") && !text.starts_with("https://")) return false;
  text.remove_prefix(text.find("://") + 3);
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view port = text.substr(colon + 1);
    const bool digits = port.find_first_not_of("0123456789") == std::string_view::npos;
    if (port.empty() || port.size() > 5 || !digits) return false;
    text = text.substr(0, colon);
  }
  if (text == "*") return true;
  if (text.starts_with("*.")) text.remove_prefix(2);
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !text.empty() && text.front() != '.' && text.back() != '.' && text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, allowed);
}

bool IsCorsMethod(std::string_view text) {
  static constexpr std::string_view kMethods[] = {"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                                  "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"};
  return std::ranges::find(kMethods, text) != std::end(kMethods);
}

const TextRule kOrigin{IsOrigin, "must be \"*\" or an origin", "write it as in \"https://*.example.com\""};
const TextRule kCorsMethod{IsCorsMethod, "must be an HTTP method or \"*\"", "write it in capital letters"};
const TextRule kReplacement{IsFieldValue, "must be text without control characters", "remove them", 0, 1024};
const TextRule kAuthPath{IsUriPath, "must be a path", "percent-encode other characters", 1, 1024};

void ReadHeaders(Fields& fields, std::string_view name, std::vector<HTTPHeader>* out) {
  fields.List(name, 0, 16, out, [&](const Place& place, HTTPHeader* header) {
    Fields parts(place);
    parts.RequireText("name", kHeaderName, &header->name);
    parts.RequireText("value", kHeaderValue, &header->value);
    parts.Done();
    for (const HTTPHeader& other : *out) {
      if (&other != header && other.name == header->name) {
        place.RefuseField("name", Concat({"\"", header->name, "\" occurs twice"}), "write one entry for each header");
      }
    }
  });
}

void ReadHeaderFilter(const Place& place, HTTPHeaderFilter* out) {
  Fields fields(place);
  ReadHeaders(fields, "set", &out->set);
  ReadHeaders(fields, "add", &out->add);
  fields.TextList("remove", kHeaderName, 16, true, &out->remove);
  fields.Done();
}

void ReadBackend(const Place& place, BackendObjectReference* out) {
  Fields fields(place);
  ReadBackendFields(fields, &out->group, &out->kind, &out->namespace_, &out->name, &out->port);
  fields.Done();
}

void ReadMirror(const Place& place, HTTPRequestMirrorFilter* out) {
  Fields fields(place);
  if (std::optional<Place> backend = fields.Require("backendRef", "write the Service to send copies to")) {
    ReadBackend(*backend, &out->backend_ref);
  }
  fields.Integer("percent", 0, 100, &out->percent);
  fields.Struct("fraction", &out->fraction, [](const Place& p, MirrorFraction* fraction) {
    Fields parts(p);
    parts.RequireInteger("numerator", 0, std::numeric_limits<int32_t>::max(), &fraction->numerator);
    parts.Integer("denominator", 1, std::numeric_limits<int32_t>::max(), &fraction->denominator);
    parts.Done();
    if (fraction->numerator > fraction->denominator) {
      p.RefuseField("numerator", "must not be greater than the denominator", "write a share of at most 1");
    }
  });
  fields.Done();
  if (out->percent && out->fraction) place.Refuse("must not have both percent and fraction", "remove one of the two");
}

void ReadPathModifier(const Place& place, HTTPPathModifier* out) {
  using Modifier = HTTPPathModifier::Type;
  Fields fields(place);
  fields.RequireEnum<Modifier>(
      "type", {{"ReplaceFullPath", Modifier::kReplaceFullPath}, {"ReplacePrefixMatch", Modifier::kReplacePrefixMatch}},
      &out->type);
  const bool full = out->type == Modifier::kReplaceFullPath;
  const std::string_view own = full ? "replaceFullPath" : "replacePrefixMatch";
  const std::string_view other = full ? "replacePrefixMatch" : "replaceFullPath";
  if (fields.Require(own, Concat({"the type ", full ? "ReplaceFullPath" : "ReplacePrefixMatch", " needs it"}))) {
    fields.Text(own, kReplacement, &out->value);
  }
  if (fields.Find(other)) {
    place.RefuseField(other, Concat({"must not be set beside ", own}), "remove it or change the type");
  }
  fields.Done();
}

void ReadRedirect(const Place& place, HTTPRequestRedirectFilter* out) {
  Fields fields(place);
  fields.Word("scheme", {"http", "https"}, &out->scheme);
  fields.Text("hostname", kPreciseHostname, &out->hostname);
  fields.Struct("path", &out->path, ReadPathModifier);
  fields.Port("port", &out->port);
  fields.Integer("statusCode", 100, 599, &out->status_code);
  fields.Done();
  static constexpr int kCodes[] = {301, 302, 303, 307, 308};
  if (std::ranges::find(kCodes, out->status_code) == std::end(kCodes)) {
    place.RefuseField("statusCode",
                      Concat({"must be 301, 302, 303, 307 or 308, not ", std::to_string(out->status_code)}),
                      "write one of these");
  }
}

void ReadRewrite(const Place& place, HTTPURLRewriteFilter* out) {
  Fields fields(place);
  fields.Text("hostname", kPreciseHostname, &out->hostname);
  fields.Struct("path", &out->path, ReadPathModifier);
  fields.Done();
}

void RefuseStarAmongOthers(const Place& place, std::string_view field, const std::vector<std::string>& values) {
  if (values.size() > 1 && std::ranges::find(values, "*") != values.end()) {
    place.RefuseField(field, "must not hold \"*\" beside other entries", "write \"*\" alone or remove it");
  }
}

void ReadCors(const Place& place, HTTPCORSFilter* out) {
  Fields fields(place);
  fields.TextList("allowOrigins", kOrigin, 64, true, &out->allow_origins);
  fields.Boolean("allowCredentials", &out->allow_credentials);
  fields.TextList("allowMethods", kCorsMethod, 9, true, &out->allow_methods);
  fields.TextList("allowHeaders", kHeaderName, 64, true, &out->allow_headers);
  fields.TextList("exposeHeaders", kHeaderName, 64, true, &out->expose_headers);
  fields.Integer("maxAge", 1, std::numeric_limits<int32_t>::max(), &out->max_age);
  fields.Done();
  RefuseStarAmongOthers(place, "allowOrigins", out->allow_origins);
  RefuseStarAmongOthers(place, "allowMethods", out->allow_methods);
  RefuseStarAmongOthers(place, "allowHeaders", out->allow_headers);
}

void ReadExternalAuth(const Place& place, HTTPExternalAuthFilter* out) {
  using Protocol = HTTPExternalAuthFilter::Protocol;
  Fields fields(place);
  fields.RequireEnum<Protocol>("protocol", {{"HTTP", Protocol::kHttp}, {"GRPC", Protocol::kGrpc}}, &out->protocol);
  if (std::optional<Place> backend = fields.Require("backendRef", "write the Service that decides")) {
    ReadBackend(*backend, &out->backend_ref);
  }
  const bool http = out->protocol == Protocol::kHttp;
  if (std::optional<Place> own = fields.Require(http ? "http" : "grpc", "write it, {} will do")) {
    Fields parts(*own);
    parts.TextList("allowedHeaders", kHeaderName, 64, true, &out->allowed_headers);
    if (http) {
      parts.Text("path", kAuthPath, &out->http_path);
      parts.TextList("allowedResponseHeaders", kHeaderName, 64, true, &out->allowed_response_headers);
    }
    parts.Done();
  }
  if (fields.Find(http ? "grpc" : "http")) {
    place.RefuseField(http ? "grpc" : "http", "must not be set for the other protocol", "remove it");
  }
  if (std::optional<Place> body = fields.Find("forwardBody")) {
    Fields parts(*body);
    out->forward_body_max_size = 0;
    parts.Integer("maxSize", 0, std::numeric_limits<int32_t>::max(), &out->forward_body_max_size);
    parts.Done();
  }
  fields.Done();
}

struct Payload {
  Type type;
  std::string_view name;   // as a type
  std::string_view field;  // as a field
  bool repeatable;
};

constexpr std::array<Payload, 8> kPayloads = {{
    {Type::kRequestHeaderModifier, "RequestHeaderModifier", "requestHeaderModifier", false},
    {Type::kResponseHeaderModifier, "ResponseHeaderModifier", "responseHeaderModifier", false},
    {Type::kRequestMirror, "RequestMirror", "requestMirror", true},
    {Type::kRequestRedirect, "RequestRedirect", "requestRedirect", false},
    {Type::kURLRewrite, "URLRewrite", "urlRewrite", false},
    {Type::kExtensionRef, "ExtensionRef", "extensionRef", true},
    {Type::kCORS, "CORS", "cors", false},
    {Type::kExternalAuth, "ExternalAuth", "externalAuth", true},
}};

void ReadFilter(const Place& place, HTTPRouteFilter* out) {
  Fields fields(place);
  const int before = static_cast<int>(place.decoding().problems.size());
  fields.RequireEnum<Type>("type",
                           {{"RequestHeaderModifier", Type::kRequestHeaderModifier},
                            {"ResponseHeaderModifier", Type::kResponseHeaderModifier},
                            {"RequestMirror", Type::kRequestMirror},
                            {"RequestRedirect", Type::kRequestRedirect},
                            {"URLRewrite", Type::kURLRewrite},
                            {"ExtensionRef", Type::kExtensionRef},
                            {"CORS", Type::kCORS},
                            {"ExternalAuth", Type::kExternalAuth}},
                           &out->type);
  fields.Struct("requestHeaderModifier", &out->request_header_modifier, ReadHeaderFilter);
  fields.Struct("responseHeaderModifier", &out->response_header_modifier, ReadHeaderFilter);
  fields.Struct("requestMirror", &out->request_mirror, ReadMirror);
  fields.Struct("requestRedirect", &out->request_redirect, ReadRedirect);
  fields.Struct("urlRewrite", &out->url_rewrite, ReadRewrite);
  fields.Struct("extensionRef", &out->extension_ref, ReadLocalReference);
  fields.Struct("cors", &out->cors, ReadCors);
  fields.Struct("externalAuth", &out->external_auth, ReadExternalAuth);
  fields.Done();
  if (before != static_cast<int>(place.decoding().problems.size())) return;  // the rest would only follow from that
  for (const Payload& payload : kPayloads) {
    const bool there = fields.Has(payload.field);
    if (payload.type == out->type && !there) {
      place.RefuseField(payload.field, Concat({"is required for type ", payload.name}), "add it");
    } else if (payload.type != out->type && there) {
      place.RefuseField(payload.field, Concat({"must not be set for type ", ToString(out->type)}),
                        Concat({"remove it or write type: ", payload.name}));
    }
  }
}

void CheckTogether(const Place& place, const std::vector<HTTPRouteFilter>& filters) {
  const auto count = [&](Type type) { return std::ranges::count(filters, type, &HTTPRouteFilter::type); };
  for (const Payload& payload : kPayloads) {
    if (!payload.repeatable && count(payload.type) > 1) {
      place.Refuse(Concat({payload.name, " must not be repeated"}), "put everything into one filter of that type");
    }
  }
  if (count(Type::kRequestRedirect) > 0 && count(Type::kURLRewrite) > 0) {
    place.Refuse("must not have both RequestRedirect and URLRewrite", "remove one of the two");
  }
}

}  // namespace

void ReadFilters(Fields& fields, std::vector<HTTPRouteFilter>* out) {
  const bool refused_before = std::exchange(fields.place().decoding().refused, false);
  fields.List("filters", 0, 16, out, ReadFilter);
  if (!fields.place().decoding().refused) {
    if (std::optional<Place> place = fields.Find("filters")) CheckTogether(*place, *out);
  }
  fields.place().decoding().refused |= refused_before;
}

}  // namespace portreeve::gatewayapi
