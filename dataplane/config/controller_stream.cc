#include "dataplane/config/controller_stream.h"

#include <absl/time/clock.h>
#include <google/protobuf/arena.h>
#include <grpc/support/log.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "common/log.h"
#include "portreeve/config/v1/service.grpc.pb.h"

namespace portreeve::config {
namespace {

constexpr std::chrono::milliseconds kCloseDeadline(1000);

void LogOfGrpc(gpr_log_func_args* args) {
  log::Debug(args->message, {{"source", "grpc"}, {"file", args->file}, {"line", args->line}});
}

// What was wrong with the one who answered. Set by gRPC's threads, which may outlive the stream.
class Finding {
 public:
  void Set(std::string text) {
    std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  std::string text() const {
    std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// Decides whether it is the controller that has answered. gRPC's own check of certificates, which this takes the place
// of, says only that the handshake failed, and not whether it is the CA, the name or the clock.
class ControllerVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  ControllerVerifier(StreamIdentity identity, std::shared_ptr<Finding> finding)
      : identity_(std::move(identity)), finding_(std::move(finding)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* sync_status) override {
    const grpc::string_ref chain = request->peer_cert_full_chain();
    const std::string problem = CheckController({chain.data(), chain.size()}, identity_, absl::Now());
    finding_->Set(problem);
    *sync_status = problem.empty() ? grpc::Status::OK : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, problem);
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* /*request*/) override {}

 private:
  const StreamIdentity identity_;
  const std::shared_ptr<Finding> finding_;
};

// Shows the token with the call. gRPC does that over TLS only, and after the handshake.
class TokenPlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit TokenPlugin(SecretBytes token) : token_(std::move(token)) {}

  bool IsBlocking() const override { return false; }
  grpc::Status GetMetadata(grpc::string_ref /*service_url*/, grpc::string_ref /*method_name*/,
                           const grpc::AuthContext& /*channel_auth_context*/,
                           std::multimap<std::string, std::string>* metadata) override {
    metadata->emplace("authorization", "Bearer " + std::string(token_.Reveal()));
    return grpc::Status::OK;
  }
  std::string DebugString() override { return "the token of a ServiceAccount"; }

 private:
  const SecretBytes token_;
};

std::shared_ptr<grpc::ChannelCredentials> TlsCredentialsOf(const StreamIdentity& identity,
                                                           std::shared_ptr<Finding> finding) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<grpc::experimental::StaticDataCertificateProvider>(identity.ca_bundle));
  options.watch_root_certs();
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<ControllerVerifier>(identity, std::move(finding)));
  auto channel = grpc::experimental::TlsCredentials(options);
  if (identity.token.Reveal().empty()) return channel;
  return grpc::CompositeChannelCredentials(
      channel, grpc::MetadataCredentialsFromPlugin(std::make_unique<TokenPlugin>(identity.token)));
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address, const std::optional<StreamIdentity>& identity,
                                         std::shared_ptr<Finding> finding) {
  grpc::ChannelArguments arguments;
  // A full snapshot may be large, and the controller is ours.
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // Each stream has a connection of its own, and waits between two are ours.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  if (!address.starts_with("unix:")) {
    // A controller that is gone without a word is noticed after 30 seconds.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
  if (!identity) return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  arguments.SetSslTargetNameOverride(identity->server_name);
  return grpc::CreateCustomChannel(address, TlsCredentialsOf(*identity, std::move(finding)), arguments);
}

bool RefusedBy(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
      return true;
    default:
      return false;
  }
}

// A first delta has thousands of resources: they come and go as one.
std::shared_ptr<v1::Delta> NewDelta() {
  const auto arena = std::make_shared<google::protobuf::Arena>();
  return {arena, google::protobuf::Arena::CreateMessage<v1::Delta>(arena.get())};
}

// Calls that gRPC is done with, until a thread of ours lets them go: the last one to go ends gRPC's callback threads,
// which must not happen on one of these (gRPC 1.51 aborts).
class FinishedCalls {
 public:
  void Add(std::shared_ptr<void> call) {
    std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }
  void Clear() {
    std::vector<std::shared_ptr<void>> calls;
    {
      std::lock_guard lock(mutex_);
      calls.swap(calls_);
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<void>> calls_;
};

// Never destroyed: callbacks may come as late as they like.
FinishedCalls& Finished() {
  static FinishedCalls& calls = *new FinishedCalls;
  return calls;
}

}  // namespace

// Keeps itself alive until gRPC is done with it. A hold lets the other thread start reads and writes.
class ControllerStream::Call final : public grpc::ClientBidiReactor<v1::DataPlaneMessage, v1::Delta> {
 public:
  Call(const std::string& address, const std::optional<StreamIdentity>& identity, std::function<void()> notify)
      : notify_(std::move(notify)), stub_(v1::ConfigService::NewStub(ChannelTo(address, identity, finding_))) {}

  void Start(std::shared_ptr<Call> self) {
    {
      std::lock_guard lock(mutex_);
      self_ = std::move(self);
    }
    incoming_ = NewDelta();
    stub_->async()->Stream(&context_, this);
    AddHold();
    StartRead(incoming_.get());
    StartCall();
  }

  void Send(const v1::DataPlaneMessage& message) {
    std::lock_guard lock(mutex_);
    if (broken_) return;
    outgoing_.push_back(message);
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }

  void Next() {
    std::lock_guard lock(mutex_);
    if (broken_) return;
    incoming_ = NewDelta();
    StartRead(incoming_.get());
  }

  std::shared_ptr<const v1::Delta> TakeDelta() {
    std::lock_guard lock(mutex_);
    return std::exchange(has_delta_, false) ? std::exchange(incoming_, nullptr) : nullptr;
  }

  // What was read before the end still counts.
  bool HasEvent() const {
    std::lock_guard lock(mutex_);
    return has_delta_ || done_;
  }
  bool closed() const {
    std::lock_guard lock(mutex_);
    return done_ && !has_delta_;
  }
  std::string error() const {
    const std::string finding = finding_->text();
    std::lock_guard lock(mutex_);
    return finding.empty() ? error_ : finding;
  }

  bool refused() const {
    const bool unbelieved = !finding_->text().empty();
    std::lock_guard lock(mutex_);
    return unbelieved || refused_;
  }

  void Close() {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    Break();
    ended_.wait_for(lock, kCloseDeadline, [&] { return done_; });
  }

  void OnReadDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      has_delta_ = ok;
      if (!ok) Break();
    }
    if (ok) notify_();
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    if (!ok) return Break();
    outgoing_.pop_front();
    if (!outgoing_.empty() && !broken_) StartWrite(&outgoing_.front());
  }

  void OnDone(const grpc::Status& status) override {
    std::function<void()> notify;
    std::shared_ptr<Call> self;
    {
      std::lock_guard lock(mutex_);
      notify = notify_;
      self = std::move(self_);
      done_ = true;
      refused_ = RefusedBy(status);
      error_ = status.ok() ? "the controller ended the stream" : status.error_message();
      ended_.notify_all();
    }
    notify();
    // Nothing of this object is touched from here on.
    Finished().Add(std::move(self));
  }

 private:
  // With mutex_ held. No operation is started from now on.
  void Break() {
    if (!std::exchange(broken_, true)) RemoveHold();
  }

  const std::function<void()> notify_;
  const std::shared_ptr<Finding> finding_ = std::make_shared<Finding>();
  const std::unique_ptr<v1::ConfigService::Stub> stub_;
  grpc::ClientContext context_;
  std::shared_ptr<Call> self_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::shared_ptr<v1::Delta> incoming_;
  bool has_delta_ = false;
  // The front one is being sent.
  std::deque<v1::DataPlaneMessage> outgoing_;
  bool broken_ = false;
  bool done_ = false;
  bool refused_ = false;
  std::string error_;
};

ControllerStream::ControllerStream(const std::string& address, std::optional<StreamIdentity> identity,
                                   std::function<void()> notify) {
  gpr_set_log_function(LogOfGrpc);
  Finished().Clear();
  call_ = std::make_shared<Call>(address, identity, std::move(notify));
  call_->Start(call_);
}

ControllerStream::~ControllerStream() {
  call_->Close();
  call_.reset();
  Finished().Clear();
}

void ControllerStream::Send(const v1::DataPlaneMessage& message) {
  call_->Send(message);
}

bool ControllerStream::HasEvent() const {
  return call_->HasEvent();
}

std::shared_ptr<const v1::Delta> ControllerStream::TakeDelta() {
  return call_->TakeDelta();
}

void ControllerStream::Next() {
  call_->Next();
}

bool ControllerStream::closed() const {
  return call_->closed();
}

std::string ControllerStream::error() const {
  return call_->error();
}

bool ControllerStream::refused() const {
  return call_->refused();
}

}  // namespace portreeve::config
