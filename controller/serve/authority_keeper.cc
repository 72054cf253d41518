#include "controller/serve/authority_keeper.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "common/log.h"

namespace portreeve::serve {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

// More replicas than that don't collide for long.
constexpr int kAttempts = 5;
constexpr std::chrono::milliseconds kBetweenRefreshes(100);
constexpr std::chrono::milliseconds kFirstRetry(1000);
constexpr char kManagedBy[] = "portreeve-controller";

std::string SecretsOf(const std::string& ns) {
  return absl::StrCat("/api/v1/namespaces/", ns, "/secrets");
}

// Null where there is nothing of that name.
const Json& At(const Json& json, const char* name) {
  static const Json kNothing;
  if (!json.is_object()) return kNothing;
  const auto found = json.find(name);
  return found == json.end() ? kNothing : *found;
}

std::optional<Authority::Entries> EntriesOf(const Json& data) {
  Authority::Entries entries;
  for (const auto& [name, value] : data.items()) {
    std::string bytes;
    if (!value.is_string() || !absl::Base64Unescape(value.get_ref<const std::string&>(), &bytes)) return std::nullopt;
    entries.emplace(name, std::move(bytes));
  }
  return entries;
}

Json DataOf(const Authority& authority) {
  // What isn't there any more is taken away.
  Json data = {{"cross.crt", nullptr}};
  for (const auto& [name, bytes] : authority.Serialize()) data[name] = absl::Base64Escape(std::string(bytes.Reveal()));
  return data;
}

absl::Status Unreachable(const std::string& what, const absl::Status& status) {
  return absl::UnavailableError(absl::StrCat(what, ": the API server can't be asked: ", status.message()));
}

// `verb`: what RBAC calls it.
absl::Status Denied(const std::string& what, const char* verb, const kube::ApiResponse& response) {
  const std::string remedy =
      response.status == 403 ? absl::StrCat("; let the controller's role ", verb, " it") : std::string();
  const bool later = response.status >= 500 || response.status == 429;
  return {later ? absl::StatusCode::kUnavailable : absl::StatusCode::kFailedPrecondition,
          absl::StrCat(what, ": the API server answers ", response.status, ": ", kube::ReasonOf(response), remedy)};
}

std::string ConfigMapBody(const std::string& bundle, const absl::btree_set<AuthorityKeeper::Owner>& owners) {
  Json references = Json::array();
  for (const auto& owner : owners) {
    references.push_back({{"apiVersion", "gateway.networking.k8s.io/v1"},
                          {"kind", "Gateway"},
                          {"name", owner.name},
                          {"uid", owner.uid}});
  }
  return Json({{"apiVersion", "v1"},
               {"kind", "ConfigMap"},
               {"metadata",
                {{"name", kAuthorityConfigMap},
                 {"labels", {{"app.kubernetes.io/managed-by", kManagedBy}}},
                 {"ownerReferences", std::move(references)}}},
               {"data", {{"ca.crt", bundle}}}})
      .dump();
}

}  // namespace

AuthorityKeeper::AuthorityKeeper(kube::ApiClient& api, Options options) : api_(api), options_(std::move(options)) {}

AuthorityKeeper::~AuthorityKeeper() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status AuthorityKeeper::Refresh() {
  std::lock_guard lock(refreshing_);
  const absl::Time now = options_.clock();
  const absl::Status loaded = Load(now);
  absl::Status status = loaded;
  if (authority_) status.Update(Issue(now));
  // Only what is known to be the latest: an older bundle must not take the place of a newer one.
  if (loaded.ok()) status.Update(Publish(now));
  std::lock_guard fields(mutex_);
  health_.status = status;
  if (authority_) {
    health_.authority_not_after = authority_->not_after();
    bundle_ = authority_->bundle();
  }
  if (certificate_ != nullptr) health_.certificate_not_after = certificate_->not_after;
  return status;
}

absl::Status AuthorityKeeper::Load(absl::Time now) {
  for (int i = 0; i < kAttempts; ++i) {
    const absl::StatusOr<Stored> stored = Read();
    if (!stored.ok()) return stored.status();
    if (stored->authority) authority_ = stored->authority;
    if (stored->authority && !authority_->RotationDue(now)) return absl::OkStatus();
    absl::StatusOr<Authority> next = stored->authority ? authority_->Rotated(now) : Authority::New(now);
    if (!next.ok()) return next.status();
    const absl::StatusOr<bool> written = Write(*next, *stored);
    if (!written.ok()) return written.status();
    if (!*written) continue;
    log::Info(stored->authority ? "rotated the CA that data planes know the controller by"
                                : "made the CA that data planes know the controller by",
              {{"object", Name()}, {"valid_until", absl::FormatTime(next->not_after(), absl::UTCTimeZone())}});
    authority_ = *std::move(next);
    return absl::OkStatus();
  }
  return absl::AbortedError(absl::StrCat(Name(), " is written by others all the time; see who does that"));
}

absl::StatusOr<AuthorityKeeper::Stored> AuthorityKeeper::Read() {
  kube::ApiRequest request;
  request.path = absl::StrCat(SecretsOf(options_.ns), "/", kAuthoritySecret);
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  if (!response.ok()) return Unreachable(Name(), response.status());
  Stored stored;
  if (response->status == 404) return stored;
  if (!response->ok()) return Denied(Name(), "get", *response);
  const Json secret = Json::parse(response->body, nullptr, false);
  const Json& version = At(At(secret, "metadata"), "resourceVersion");
  if (!version.is_string()) return absl::DataLossError(absl::StrCat(Name(), ": the API server's answer is no object"));
  stored.exists = true;
  stored.resource_version = version.get<std::string>();
  const Json& data = At(secret, "data");
  if (data.empty()) return stored;
  const std::optional<Authority::Entries> entries = EntriesOf(data);
  absl::StatusOr<Authority> authority =
      entries ? Authority::ParseFrom(*entries) : absl::InvalidArgumentError("its data isn't Base64");
  if (!authority.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(Name(), ": ", authority.status().message(),
                     "; delete it, then a new CA is made, and data planes find the controller again once their volume "
                     "has the new ConfigMap"));
  }
  stored.authority = *std::move(authority);
  return stored;
}

absl::StatusOr<bool> AuthorityKeeper::Write(const Authority& authority, const Stored& stored) {
  kube::ApiRequest request;
  Json body;
  if (stored.exists) {
    request.method = "PATCH";
    request.path = absl::StrCat(SecretsOf(options_.ns), "/", kAuthoritySecret);
    request.content_type = "application/merge-patch+json";
    // Refused with 409 when somebody has written since.
    body = {{"metadata", {{"resourceVersion", stored.resource_version}}}, {"data", DataOf(authority)}};
  } else {
    request.method = "POST";
    request.path = SecretsOf(options_.ns);
    request.content_type = "application/json";
    Json data = DataOf(authority);
    data.erase("cross.crt");
    body = {{"apiVersion", "v1"},
            {"kind", "Secret"},
            {"metadata", {{"name", kAuthoritySecret}, {"labels", {{"app.kubernetes.io/managed-by", kManagedBy}}}}},
            {"type", "Opaque"},
            {"data", std::move(data)}};
  }
  request.body = body.dump();
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  if (!response.ok()) return Unreachable(Name(), response.status());
  // 404: deleted since it was read.
  if (response->status == 409 || (stored.exists && response->status == 404)) return false;
  if (!response->ok()) return Denied(Name(), stored.exists ? "patch" : "create", *response);
  return true;
}

absl::Status AuthorityKeeper::Issue(absl::Time now) {
  const std::shared_ptr<const ServerCertificate> last = certificate();
  if (last != nullptr && issuer_ == authority_ && now < last->renew_at) return absl::OkStatus();
  absl::StatusOr<ServerCertificate> issued = authority_->IssueServerCertificate(options_.dns_names, now);
  if (!issued.ok()) return {issued.status().code(), absl::StrCat(Name(), ": ", issued.status().message())};
  issuer_ = authority_;
  log::Debug("issued a certificate for this server",
             {{"valid_until", absl::FormatTime(issued->not_after, absl::UTCTimeZone())}});
  std::lock_guard lock(mutex_);
  certificate_ = std::make_shared<const ServerCertificate>(*std::move(issued));
  return absl::OkStatus();
}

absl::Status AuthorityKeeper::Publish(absl::Time now) {
  Owners owners;
  {
    std::lock_guard lock(mutex_);
    owners = owners_;
  }
  absl::erase_if(published_, [&](const auto& entry) { return !owners.contains(entry.first); });
  absl::Status status;
  for (const auto& [ns, gateways] : owners) {
    const std::string content = ConfigMapBody(authority_->bundle(), gateways);
    const auto last = published_.find(ns);
    const bool fresh = last != published_.end() && last->second.content == content &&
                       now < last->second.at + kRepublish && now >= last->second.at;
    if (fresh) continue;
    const absl::Status published = PublishIn(ns, content);
    if (published.ok()) published_.insert_or_assign(ns, Published{content, now});
    status.Update(published);
    // It wouldn't be heard in the other namespaces either.
    if (absl::IsUnavailable(published)) break;
  }
  return status;
}

absl::Status AuthorityKeeper::PublishIn(const std::string& ns, const std::string& content) {
  const std::string name = absl::StrCat("ConfigMap ", ns, "/", kAuthorityConfigMap);
  kube::ApiRequest request;
  request.method = "PATCH";
  request.path = absl::StrCat("/api/v1/namespaces/", ns, "/configmaps/", kAuthorityConfigMap,
                              "?fieldManager=portreeve-authority&force=true");
  request.content_type = "application/apply-patch+yaml";
  request.body = content;
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  if (!response.ok()) return Unreachable(name, response.status());
  // The namespace is gone or about to, and so are its Gateways.
  const bool ending = response->status == 404 || kube::IsNamespaceEnding(*response);
  if (!response->ok() && !ending) return Denied(name, "create and patch", *response);
  return absl::OkStatus();
}

std::string AuthorityKeeper::Name() const {
  return absl::StrCat("Secret ", options_.ns, "/", kAuthoritySecret);
}

void AuthorityKeeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void AuthorityKeeper::Run() {
  std::minstd_rand random(std::random_device{}());
  std::uniform_real_distribution<double> jitter(0.5, 1.0);
  const std::chrono::milliseconds period = absl::ToChronoMilliseconds(kPeriod);
  std::chrono::milliseconds retry = kFirstRetry;
  std::string reported;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    due_ = false;
    lock.unlock();
    const absl::Status status = Refresh();
    const std::string problem(status.message());
    if (!status.ok() && problem != reported) {
      log::Error("what data planes know the controller by can't be kept; what is known stays, and it is tried again",
                 {{"reason", problem}});
    } else if (status.ok() && !reported.empty()) {
      log::Info("what data planes know the controller by is kept again");
    }
    reported = problem;
    std::chrono::milliseconds wait = period;
    if (status.ok()) {
      retry = kFirstRetry;
    } else {
      wait = std::chrono::duration_cast<std::chrono::milliseconds>(retry * jitter(random));
      retry = std::min(retry * 2, period);
    }
    lock.lock();
    // Much that happens at once is one Refresh.
    changed_.wait_for(lock, kBetweenRefreshes, [&] { return stopping_; });
    changed_.wait_for(lock, wait, [&] { return stopping_ || due_; });
  }
}

void AuthorityKeeper::SetOwners(Owners owners) {
  std::lock_guard lock(mutex_);
  if (owners_ == owners) return;
  owners_ = std::move(owners);
  due_ = true;
  changed_.notify_all();
}

std::shared_ptr<const ServerCertificate> AuthorityKeeper::certificate() const {
  std::lock_guard lock(mutex_);
  return certificate_;
}

std::string AuthorityKeeper::bundle() const {
  std::lock_guard lock(mutex_);
  return bundle_;
}

AuthorityKeeper::Health AuthorityKeeper::health() const {
  std::lock_guard lock(mutex_);
  return health_;
}

}  // namespace portreeve::serve
