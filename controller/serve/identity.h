// Who is at the other end of a stream, and how that is found out.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <string_view>

namespace portreeve::serve {

struct Identity {
  // "NS/NAME" of the one Gateway whose configuration it may have. Empty for a controller.
  std::string gateway;
  // Name of its pod, in the Gateway's namespace; for a controller in the controller's.
  std::string pod;
  // It is a replica of this controller: it may relay reports, and gets no configuration.
  bool controller = false;
};

// Any thread; may block for 5 seconds. Errors: UNAUTHENTICATED, the token proves nothing; PERMISSION_DENIED, it proves
// somebody whom nothing is served to; UNAVAILABLE, it couldn't be found out. No message holds the token.
using Authenticator = std::function<absl::StatusOr<Identity>(std::string_view token)>;

}  // namespace portreeve::serve
