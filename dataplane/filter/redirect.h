// RequestRedirect (Gateway API HTTPRequestRedirectFilter).
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/filter/filter_context.h"
#include "dataplane/filter/path_modifier.h"
#include "dataplane/http/message.h"

namespace portreeve::filter {

struct RedirectConfig {
  // "http", "https", or empty: the request's.
  std::string scheme{};
  // Empty: the request's, without its port.
  std::string hostname{};
  // Unset: the request's path.
  std::optional<PathModifier> path{};
  // 0: the default of `scheme` if that is set, else the listener's.
  std::uint32_t port = 0;
  // 301, 302, 303, 307, 308; 0: 302.
  std::uint32_t status = 0;
};

// Answers with Location. The query stays as it is; the default port of the resulting scheme is left out. Immutable, any
// thread.
class Redirect {
 public:
  static absl::StatusOr<Redirect> Create(RedirectConfig config, std::string_view field);

  // kReply, or kFail when the path can't be modified (PathModifier). The Location is built from validated parts only:
  // RequestHead::host, normalised path, checked query; its path begins with exactly one "/". For a request without a
  // host (HTTP/1.0) it is relative (RFC 9110 section 10.2.2), and kFail where scheme or port are to change.
  FilterResult Apply(const http::RequestHead& head, FilterContext& context) const;

 private:
  explicit Redirect(RedirectConfig config) : config_(std::move(config)) {}

  std::string_view PortSuffix(std::string_view scheme, std::uint16_t listener_port, char (&buffer)[8]) const;

  RedirectConfig config_;
};

}  // namespace portreeve::filter
