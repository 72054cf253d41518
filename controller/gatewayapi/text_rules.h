// What texts in objects must look like: the patterns of the Gateway API's CRDs and of Kubernetes' own names, each with
// the sentence that a problem says when one doesn't hold.
#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace portreeve::gatewayapi {

struct TextRule {
  bool (*holds)(std::string_view);
  std::string_view must;    // "must be …"
  std::string_view remedy;  // "write …"
  size_t min_length = 1;
  size_t max_length = 253;
};

bool IsDnsLabel(std::string_view text);        // RFC 1123 label, at most 63 characters
bool IsDnsSubdomain(std::string_view text);    // labels separated by dots
bool IsHostname(std::string_view text);        // the same, or with "*." in front
bool IsToken(std::string_view text);           // RFC 9110 token: header and query parameter names
bool IsFieldValue(std::string_view text);      // no control characters but tab
bool IsKindName(std::string_view text);        // letters, digits and "-"
bool IsControllerName(std::string_view text);  // domain/path
bool IsUriPath(std::string_view text);         // characters of an absolute path, percent-encoding complete
bool IsQualifiedName(std::string_view text);   // [prefix/]name, as label and annotation keys are
bool IsLabelValue(std::string_view text);      // at most 63 characters; may be empty
bool IsConfigKey(std::string_view text);       // keys of Secret and ConfigMap data
bool IsIPv4(std::string_view text);
bool IsIPv6(std::string_view text);

extern const TextRule kAnyText;   // no control characters, up to 4096 bytes
extern const TextRule kFreeText;  // anything at all
extern const TextRule kDnsLabel;
extern const TextRule kObjectName;      // a DNS subdomain: metadata.name, section names
extern const TextRule kReferencedName;  // name of an object referred to; the CRDs ask only for a length
extern const TextRule kGroup;           // a DNS subdomain or empty
extern const TextRule kKindName;
extern const TextRule kControllerName;
extern const TextRule kHostname;         // wildcard allowed
extern const TextRule kPreciseHostname;  // no wildcard
extern const TextRule kHeaderName;
extern const TextRule kHeaderValue;
extern const TextRule kQueryValue;
extern const TextRule kProtocol;
extern const TextRule kAddressType;

// GEP-2257: ([0-9]{1,5}(h|m|s|ms)){1,4}, as in "1h30m" or "500ms".
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

// RFC 4648 with padding; line breaks are skipped, as Go's decoder does.
std::optional<std::string> DecodeBase64(std::string_view text);

// Seconds since the epoch of an RFC 3339 time.
std::optional<int64_t> ParseTimestamp(std::string_view text);

std::string Concat(std::initializer_list<std::string_view> parts);

}  // namespace portreeve::gatewayapi
