// Asks the Kubernetes API server whose token it is that a data plane, or another replica of the controller, shows.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <array>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "controller/kube/api_client.h"
#include "controller/serve/identity.h"

namespace portreeve::serve {

// Any thread. Good as an Authenticator.
class TokenReviewer {
 public:
  // What tokens must be made for: `audience` of the projected volume.
  static constexpr std::string_view kAudience = "portreeve.dev";
  // For so long a verdict is believed, so that a data plane that reconnects often asks the API server seldom; and a
  // refusal, which may end at any time.
  static constexpr std::chrono::seconds kRemembered{60};
  static constexpr std::chrono::seconds kRefusalRemembered{5};

  // The Gateway ("NS/NAME") whose data planes run as this ServiceAccount, if there is one. Any thread; must not block.
  using GatewayOf = std::function<std::optional<std::string>(std::string_view ns, std::string_view service_account)>;

  using Clock = std::chrono::steady_clock;

  struct ServiceAccount {
    std::string ns;
    std::string name;
  };

  struct Options {
    GatewayOf gateway_of;
    std::function<Clock::time_point()> now = Clock::now;
    // That all replicas of this controller run as; without it no token is a controller's. It is no Gateway's, whatever
    // `gateway_of` says.
    std::optional<ServiceAccount> controller{};
  };

  // `api` must outlive it.
  TokenReviewer(kube::ApiClient& api, Options options) : api_(api), options_(std::move(options)) {}

  // A TokenReview of 5 seconds at most, unless the verdict is remembered. See Authenticator for the errors.
  absl::StatusOr<Identity> Authenticate(std::string_view token);

 private:
  // Whose token it is. Which Gateway that means is asked anew each time.
  struct Account {
    std::string ns;
    std::string name;
    std::string pod;
  };
  struct Verdict {
    absl::StatusOr<Account> account;
    Clock::time_point until;
  };
  // SHA-256 of the token, never the token.
  using Digest = std::array<unsigned char, 32>;

  absl::StatusOr<Account> AccountOf(std::string_view token);
  absl::StatusOr<Account> Review(std::string_view token);
  void Remember(const Digest& digest, const absl::StatusOr<Account>& account, Clock::time_point now);

  kube::ApiClient& api_;
  const Options options_;
  std::mutex mutex_;
  absl::flat_hash_map<Digest, Verdict> verdicts_;  // guarded by mutex_
};

}  // namespace portreeve::serve
