// Who a data plane is, and how that is found out.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <string_view>

namespace portreeve::serve {

struct Identity {
  // "NS/NAME" of the one Gateway whose configuration it may have.
  std::string gateway;
  // Name of its pod, in the Gateway's namespace.
  std::string pod;
};

// Any thread; may block for 5 seconds. Errors: UNAUTHENTICATED, the token proves nothing; PERMISSION_DENIED, it proves
// somebody whom nothing is served to; UNAVAILABLE, it couldn't be found out. No message holds the token.
using Authenticator = std::function<absl::StatusOr<Identity>(std::string_view token)>;

}  // namespace portreeve::serve
