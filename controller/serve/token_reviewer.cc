#include "controller/serve/token_reviewer.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <openssl/sha.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

namespace portreeve::serve {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kReviewDeadline(5000);
// No token of Kubernetes comes near it.
constexpr std::size_t kMaxTokenBytes = 16 << 10;
constexpr std::size_t kMaxVerdicts = 10'000;
constexpr std::string_view kAccountPrefix = "system:serviceaccount:";
constexpr const char* kPodName = "authentication.kubernetes.io/pod-name";

std::string RequestBody(std::string_view token) {
  const Json body = {{"apiVersion", "authentication.k8s.io/v1"},
                     {"kind", "TokenReview"},
                     {"spec", {{"token", token}, {"audiences", Json::array({TokenReviewer::kAudience})}}}};
  // A token is text; what isn't gets no exception out of the serializer, and is refused.
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Null where there is nothing of that name.
const Json& At(const Json& json, const char* name) {
  static const Json kNothing;
  if (!json.is_object()) return kNothing;
  const auto found = json.find(name);
  return found == json.end() ? kNothing : *found;
}

bool Holds(const Json& list, std::string_view text) {
  if (!list.is_array()) return false;
  for (const Json& one : list) {
    if (one.is_string() && one.get_ref<const std::string&>() == text) return true;
  }
  return false;
}

absl::Status Refused(std::string_view why) {
  return absl::UnauthenticatedError(absl::StrCat("the token is refused: ", std::string(why)));
}

struct AccountName {
  std::string ns;
  std::string name;
};

// "system:serviceaccount:NS:NAME"
std::optional<AccountName> ReadUsername(const Json& username) {
  if (!username.is_string()) return std::nullopt;
  std::string_view text = username.get_ref<const std::string&>();
  if (!text.starts_with(kAccountPrefix)) return std::nullopt;
  text.remove_prefix(kAccountPrefix.size());
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  return AccountName{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

}  // namespace

absl::StatusOr<Identity> TokenReviewer::Authenticate(std::string_view token) {
  if (token.empty() || token.size() > kMaxTokenBytes) return Refused("it is empty or too long");
  absl::StatusOr<Account> account = AccountOf(token);
  if (!account.ok()) return account.status();
  const std::optional<ServiceAccount>& own = options_.controller;
  if (own && account->ns == own->ns && account->name == own->name) {
    return Identity{.gateway = "", .pod = std::move(account->pod), .controller = true};
  }
  std::optional<std::string> gateway = options_.gateway_of(account->ns, account->name);
  if (!gateway) {
    return absl::PermissionDeniedError(absl::StrCat("ServiceAccount ", account->ns, "/", account->name,
                                                    " belongs to no Gateway of this controller; data planes run as the "
                                                    "ServiceAccount that was made for their Gateway"));
  }
  return Identity{.gateway = *std::move(gateway), .pod = std::move(account->pod), .controller = false};
}

absl::StatusOr<TokenReviewer::Account> TokenReviewer::AccountOf(std::string_view token) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  const Clock::time_point now = options_.now();
  {
    std::lock_guard lock(mutex_);
    const auto found = verdicts_.find(digest);
    if (found != verdicts_.end() && now < found->second.until) return found->second.account;
  }
  absl::StatusOr<Account> account = Review(token);
  // That nobody could be asked is no verdict.
  if (account.ok() || absl::IsUnauthenticated(account.status())) Remember(digest, account, now);
  return account;
}

absl::StatusOr<TokenReviewer::Account> TokenReviewer::Review(std::string_view token) {
  kube::ApiRequest request;
  request.method = "POST";
  request.path = "/apis/authentication.k8s.io/v1/tokenreviews";
  request.content_type = "application/json";
  request.body = RequestBody(token);
  request.deadline = kReviewDeadline;
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  if (!response.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the API server can't be asked for a TokenReview: ", response.status().message()));
  }
  // 400 is about what was sent.
  if (response->status == 400) return Refused("the API server can't read it");
  if (!response->ok()) {
    // Other answers may quote what was sent.
    const std::string reason = response->status == 403 ? absl::StrCat(": ", kube::ReasonOf(*response),
                                                                      "; let the controller's role create tokenreviews")
                                                       : "";
    return absl::UnavailableError(absl::StrCat("the API server answers a TokenReview with ", response->status, reason));
  }
  const Json body = Json::parse(response->body, nullptr, false);
  const Json& status = At(body, "status");
  if (!status.is_object()) return absl::UnavailableError("the API server's answer to a TokenReview has no status");
  const Json& authenticated = At(status, "authenticated");
  if (!authenticated.is_boolean() || !authenticated.get<bool>()) {
    // The API server's own words may quote the token.
    return Refused("it has expired, its pod is gone, or it is for another cluster or audience");
  }
  if (!Holds(At(status, "audiences"), kAudience)) {
    return Refused(absl::StrCat("its audience isn't '", std::string(kAudience), "'"));
  }
  const Json& user = At(status, "user");
  std::optional<AccountName> name = ReadUsername(At(user, "username"));
  if (!name) return Refused("it is no ServiceAccount's");
  const Json& pods = At(At(user, "extra"), kPodName);
  if (!pods.is_array() || pods.size() != 1 || !pods.front().is_string()) {
    return Refused("it isn't bound to a pod; use a projected volume");
  }
  return Account{std::move(name->ns), std::move(name->name), pods.front().get<std::string>()};
}

void TokenReviewer::Remember(const Digest& digest, const absl::StatusOr<Account>& account, Clock::time_point now) {
  std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kMaxVerdicts) {
    absl::erase_if(verdicts_, [&](const auto& entry) { return entry.second.until <= now; });
    // All fresh: somebody makes them up faster than they go.
    if (verdicts_.size() >= kMaxVerdicts) verdicts_.clear();
  }
  verdicts_.insert_or_assign(digest, Verdict{account, now + (account.ok() ? kRemembered : kRefusalRemembered)});
}

}  // namespace portreeve::serve
