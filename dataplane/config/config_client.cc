#include "dataplane/config/config_client.h"

#include <absl/strings/str_format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "common/log.h"
#include "dataplane/config/compiler.h"
#include "dataplane/config/config_dump.h"
#include "dataplane/config/config_store.h"
#include "dataplane/config/controller_identity.h"
#include "dataplane/config/controller_stream.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::config {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Doubles from the least to the greatest, with jitter, so that many data planes don't come back as one.
class Backoff {
 public:
  Backoff(milliseconds least, milliseconds greatest) : least_(least), greatest_(greatest), next_(least) {}

  void Reset() { next_ = least_; }
  milliseconds Next() {
    std::uniform_real_distribution<double> jitter(0.5, 1.0);
    const milliseconds wait(static_cast<milliseconds::rep>(static_cast<double>(next_.count()) * jitter(random_)));
    next_ = std::min(next_ * 2, greatest_);
    return wait;
  }

 private:
  const milliseconds least_;
  const milliseconds greatest_;
  milliseconds next_;
  std::minstd_rand random_{std::random_device{}()};
};

// A first delta passes through several times its size of memory that is needed no more; without this it stays with the
// process for good.
constexpr int kLargeDelta = 1000;
void GiveMemoryBack() {
  malloc_trim(0);
}

std::string NewInstance() {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  std::random_device random;
  return absl::StrFormat("%s/%d/%08x", host, getpid(), random());
}

// What the thread waits on. Streams outlive the session at times, so it is shared.
struct Bell {
  std::mutex mutex;
  std::condition_variable rung;
  bool stopping = false;

  void Ring() {
    std::lock_guard lock(mutex);
    rung.notify_all();
  }
};

}  // namespace

// The thread's own state, and, under `mutex`, what others may ask for.
struct ConfigClient::Session {
  Session(ClientOptions given, Installer& where)
      : options(std::move(given)), installer(where), store(options.state_folder) {}

  void Run();
  void LoadLastGood();
  // One stream, from Hello to its end. True if the controller was heard.
  bool Converse();
  absl::StatusOr<std::optional<StreamIdentity>> Identity() const;
  v1::Hello Greeting() const;
  void ReportUnreachable(bool heard, bool lasting, const std::string& reason);
  void ProveAgain(ControllerStream& stream);
  v1::Verdict Take(const v1::Delta& delta);
  void Install(std::shared_ptr<const RuntimeConfig> next);
  void RetryListeners(ControllerStream* stream, const v1::Verdict* last);
  void FillIn(v1::Verdict& verdict) const;
  void Publish();
  bool Stopping() const {
    std::lock_guard lock(bell->mutex);
    return bell->stopping;
  }
  // False: stop. `until` may come first.
  bool Wait(const ControllerStream* stream, Clock::time_point until);

  const ClientOptions options;
  Installer& installer;
  const std::string instance = NewInstance();
  const std::shared_ptr<Bell> bell = std::make_shared<Bell>();

  ConfigCompiler compiler;
  ConfigStore store;
  std::shared_ptr<const RuntimeConfig> running;
  InstallResult installed;
  // By compiling; failures to listen come on top.
  std::vector<Refusal> refused;
  // A port may become free without anybody telling us.
  Backoff listen_backoff{milliseconds(500), milliseconds(30'000)};
  Clock::time_point retry_listeners = Clock::time_point::max();
  Backoff connect_backoff{milliseconds(50), milliseconds(2000)};
  // Why the controller can't be followed, as it was logged; empty: it is followed.
  std::string unreachable;
  Clock::time_point next_proof = Clock::time_point::max();

  std::atomic<bool> ready{false};
  std::atomic<bool> connected{false};
  mutable std::mutex mutex;
  DumpHead seen;

  std::thread thread;
};

void ConfigClient::Session::Run() {
  LoadLastGood();
  while (!Stopping()) {
    if (Converse()) connect_backoff.Reset();
    connected = false;
    const Clock::time_point next = Clock::now() + connect_backoff.Next();
    while (Clock::now() < next) {
      if (!Wait(nullptr, std::min(next, retry_listeners))) return;
      RetryListeners(nullptr, nullptr);
    }
  }
}

void ConfigClient::Session::LoadLastGood() {
  absl::StatusOr<std::unique_ptr<v1::Delta>> delta = store.Load();
  if (!delta.ok()) {
    if (absl::IsNotFound(delta.status())) return;
    log::Error("the last good configuration is refused; waiting for the controller",
               {{"reason", std::string(delta.status().message())}});
    return;
  }
  CompileResult result = compiler.Apply(**delta);
  store.Update(std::move(result.in_force), result.gone, compiler.snapshot(), compiler.epoch(), false);
  refused = std::move(result.refused);
  log::Info("serving the last good configuration until the controller is heard",
            {{"snapshot", compiler.snapshot()}, {"resources", (*delta)->changed_size()}, {"refused", refused.size()}});
  Install(std::move(result.config));
}

absl::StatusOr<std::optional<StreamIdentity>> ConfigClient::Session::Identity() const {
  if (options.ca_file.empty() || options.controller.starts_with("unix:")) return std::nullopt;
  const std::string name = options.server_name.empty() ? HostOf(options.controller) : options.server_name;
  absl::StatusOr<StreamIdentity> identity = ReadIdentity({options.ca_file, options.token_file, name});
  if (!identity.ok()) return identity.status();
  return *std::move(identity);
}

v1::Hello ConfigClient::Session::Greeting() const {
  v1::Hello hello;
  hello.set_gateway(options.gateway);
  hello.set_instance(instance);
  hello.set_epoch(compiler.epoch());
  hello.set_snapshot(compiler.snapshot());
  for (auto& [key, version] : compiler.Held()) {
    v1::HeldResource& held = *hello.add_held();
    held.set_key(std::move(key));
    held.set_version(std::move(version));
  }
  return hello;
}

// Once for each time that it goes, not for each try; and once for each reason that somebody has to mend.
void ConfigClient::Session::ReportUnreachable(bool heard, bool lasting, const std::string& reason) {
  if (!heard && !unreachable.empty() && (!lasting || reason == unreachable)) return;
  unreachable = reason;
  log::Warning("the controller can't be followed; what runs goes on, and it is tried again",
               {{"controller", options.controller}, {"reason", reason}});
}

// With what the file holds by now. What can't be read is tried again at the next one; the controller waits for three.
void ConfigClient::Session::ProveAgain(ControllerStream& stream) {
  if (Clock::now() < next_proof) return;
  next_proof = Clock::now() + options.proof_period;
  const absl::StatusOr<SecretBytes> token = ReadToken(options.token_file);
  if (!token.ok()) {
    log::Warning("the token can't be shown again; the controller may end the stream soon",
                 {{"controller", options.controller}, {"reason", std::string(token.status().message())}});
    return;
  }
  v1::DataPlaneMessage message;
  message.mutable_proof()->set_token(std::string(token->Reveal()));
  stream.Send(message);
}

bool ConfigClient::Session::Converse() {
  absl::StatusOr<std::optional<StreamIdentity>> identity = Identity();
  if (!identity.ok()) {
    ReportUnreachable(false, true, std::string(identity.status().message()));
    return false;
  }
  const bool proves = identity->has_value() && !options.token_file.empty();
  next_proof = proves ? Clock::now() + options.proof_period : Clock::time_point::max();
  ControllerStream stream(options.controller, *std::move(identity), [bell = bell] { bell->Ring(); });
  v1::DataPlaneMessage message;
  *message.mutable_hello() = Greeting();
  stream.Send(message);

  v1::Verdict last;
  bool heard = false;
  bool large = false;
  while (Wait(&stream, std::min(retry_listeners, next_proof))) {
    if (const auto delta = stream.TakeDelta()) {
      if (!std::exchange(heard, true)) log::Info("following the controller", {{"controller", options.controller}});
      unreachable.clear();
      connected = true;
      last = Take(*delta);
      *message.mutable_verdict() = last;
      stream.Send(message);
      stream.Next();
      large = delta->changed_size() >= kLargeDelta;
      if (last.result() == v1::Verdict::STALE_EPOCH) break;
    } else if (stream.closed()) {
      ReportUnreachable(heard, stream.refused(), stream.error());
      return heard;
    }
    if (std::exchange(large, false)) GiveMemoryBack();
    RetryListeners(&stream, &last);
    ProveAgain(stream);
  }
  return heard;
}

v1::Verdict ConfigClient::Session::Take(const v1::Delta& delta) {
  v1::Verdict verdict;
  verdict.set_nonce(delta.nonce());
  CompileResult result = compiler.Apply(delta);
  if (result.outcome == CompileResult::Outcome::kMismatch) {
    verdict.set_result(v1::Verdict::MISMATCH);
    return verdict;
  }
  if (result.outcome == CompileResult::Outcome::kStaleEpoch) {
    log::Warning("a delta of an older epoch is refused", {{"epoch", delta.epoch()}, {"seen", compiler.epoch()}});
    verdict.set_result(v1::Verdict::STALE_EPOCH);
    return verdict;
  }
  for (const Refusal& refusal : result.refused) {
    if (std::ranges::find(refused, refusal) != refused.end()) continue;
    log::Warning(
        "a resource is refused; its last good version stays",
        {{"object", refusal.origin}, {"key", refusal.key}, {"field", refusal.field}, {"reason", refusal.message}});
  }
  refused = std::move(result.refused);
  if (result.config != running) {
    Install(std::move(result.config));
  } else {
    Publish();
  }
  store.Update(std::move(result.in_force), result.gone, compiler.snapshot(), compiler.epoch(), true);
  verdict.set_result(v1::Verdict::INSTALLED);
  FillIn(verdict);
  return verdict;
}

void ConfigClient::Session::Install(std::shared_ptr<const RuntimeConfig> next) {
  running = std::move(next);
  InstallResult result = installer.Install(running);
  for (const ListenFailure& failure : result.failures) {
    const bool known = std::ranges::any_of(installed.failures, [&](const ListenFailure& old) {
      return old.listener == failure.listener && old.message == failure.message;
    });
    if (known) continue;
    const Refusal refusal = compiler.RefusalOfListener(failure.listener, failure.message);
    log::Error("a listener can't be opened; it is tried again",
               {{"object", refusal.origin}, {"key", failure.listener}, {"reason", failure.message}});
  }
  if (result.failures.empty()) {
    listen_backoff.Reset();
    retry_listeners = Clock::time_point::max();
  } else {
    retry_listeners = Clock::now() + listen_backoff.Next();
  }
  installed = std::move(result);
  Publish();
  log::Debug("installed", {{"snapshot", running->version}, {"listening", installed.listening.size()}});
}

void ConfigClient::Session::RetryListeners(ControllerStream* stream, const v1::Verdict* last) {
  if (Clock::now() < retry_listeners) return;
  const std::vector<std::string> before = installed.listening;
  Install(running);
  if (installed.listening == before || stream == nullptr || last->result() != v1::Verdict::INSTALLED) return;
  v1::DataPlaneMessage message;
  v1::Verdict& verdict = *message.mutable_verdict();
  verdict.set_nonce(last->nonce());
  verdict.set_result(v1::Verdict::INSTALLED);
  FillIn(verdict);
  stream->Send(message);
}

// All that is refused now, so that the controller need not remember earlier verdicts.
void ConfigClient::Session::FillIn(v1::Verdict& verdict) const {
  std::vector<Refusal> all = refused;
  for (const ListenFailure& failure : installed.failures) {
    all.push_back(compiler.RefusalOfListener(failure.listener, failure.message));
  }
  for (Refusal& refusal : all) {
    v1::Refusal& out = *verdict.add_refused();
    out.set_key(std::move(refusal.key));
    out.set_version(std::move(refusal.version));
    out.set_origin(std::move(refusal.origin));
    out.set_field(std::move(refusal.field));
    out.set_message(std::move(refusal.message));
  }
  for (const std::string& listener : installed.listening) verdict.add_listening(listener);
}

void ConfigClient::Session::Publish() {
  {
    std::lock_guard lock(mutex);
    seen.epoch = compiler.epoch();
    seen.snapshot = compiler.snapshot();
    seen.listening = installed.listening;
    seen.refused = refused;
    for (const ListenFailure& failure : installed.failures) {
      seen.refused.push_back(compiler.RefusalOfListener(failure.listener, failure.message));
    }
  }
  ready = true;
}

bool ConfigClient::Session::Wait(const ControllerStream* stream, Clock::time_point until) {
  const auto awaited = [&] { return bell->stopping || (stream != nullptr && stream->HasEvent()); };
  std::unique_lock lock(bell->mutex);
  if (until == Clock::time_point::max()) {
    bell->rung.wait(lock, awaited);
  } else {
    bell->rung.wait_until(lock, until, awaited);
  }
  return !bell->stopping;
}

std::unique_ptr<ConfigClient> ConfigClient::Start(ClientOptions options, Installer& installer) {
  auto session = std::make_unique<Session>(std::move(options), installer);
  Session* plain = session.get();
  plain->thread = std::thread([plain] { plain->Run(); });
  return std::unique_ptr<ConfigClient>(new ConfigClient(std::move(session)));
}

ConfigClient::ConfigClient(std::unique_ptr<Session> session) : session_(std::move(session)) {}

ConfigClient::~ConfigClient() {
  {
    std::lock_guard lock(session_->bell->mutex);
    session_->bell->stopping = true;
    session_->bell->rung.notify_all();
  }
  session_->thread.join();
}

bool ConfigClient::ready() const {
  return session_->ready;
}

bool ConfigClient::connected() const {
  return session_->connected;
}

std::string ConfigClient::snapshot() const {
  std::lock_guard lock(session_->mutex);
  return session_->seen.snapshot;
}

std::uint64_t ConfigClient::epoch() const {
  std::lock_guard lock(session_->mutex);
  return session_->seen.epoch;
}

std::string ConfigClient::ConfigDump() const {
  DumpHead head;
  {
    std::lock_guard lock(session_->mutex);
    head = session_->seen;
  }
  head.gateway = session_->options.gateway;
  head.instance = session_->instance;
  head.connected = session_->connected;
  head.ready = session_->ready;
  return DumpConfig(head, session_->store.Copy());
}

}  // namespace portreeve::config
