// What a configured filter may name and write. Each check returns InvalidArgument with the field path in front:
// "filters[1].requestHeaderModifier.set[0].name: …".
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace portreeve::filter {

// "FIELD: MESSAGE"
absl::Status FieldError(std::string_view field, std::string_view message);

// A token (RFC 9110 section 5.6.2), and none of the fields by which messages are framed and connections managed:
// Connection, Content-Length, Expect, HTTP2-Settings, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding,
// Upgrade.
absl::Status ValidateHeaderName(std::string_view field, std::string_view name);

// RFC 9110 section 5.5: no CR, LF, NUL or other control character, no blanks at either end.
absl::Status ValidateHeaderValue(std::string_view field, std::string_view value);

// A host without port, as http::ParseAuthority takes it; returned in lower case.
absl::StatusOr<std::string> ValidateHostname(std::string_view field, std::string_view hostname);

}  // namespace portreeve::filter
