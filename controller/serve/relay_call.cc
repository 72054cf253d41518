#include "controller/serve/relay_call.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "portreeve/config/v1/service.grpc.pb.h"

namespace portreeve::serve {
namespace {

using config::v1::RelayAnswer;
using config::v1::RelayMessage;

constexpr std::chrono::milliseconds kCloseDeadline(1000);
// It only says that it is ready.
constexpr int kMaxAnswerBytes = 64 << 10;

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
  std::string DebugString() override { return "the token of the controller's ServiceAccount"; }

 private:
  const SecretBytes token_;
};

std::shared_ptr<grpc::Channel> ChannelTo(const RelayCall::Target& target) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetSslTargetNameOverride(target.server_name);
  // It is a pod of this cluster, whatever HTTPS_PROXY says.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Each call has a connection of its own, and waits between two are ours.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  // A leader that is gone without a word is noticed after 30 seconds.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = target.ca_pem;
  return grpc::CreateCustomChannel(target.address, grpc::SslCredentials(options), arguments);
}

absl::Status StatusOf(const grpc::Status& status) {
  if (status.ok()) return absl::UnavailableError("the leader ended the stream");
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
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

// Keeps itself alive until gRPC is done with it. A hold lets the other thread start writes.
class RelayCall::Call final : public grpc::ClientBidiReactor<RelayMessage, RelayAnswer> {
 public:
  Call(const Target& target, std::function<void()> notify)
      : notify_(std::move(notify)), stub_(config::v1::ConfigService::NewStub(ChannelTo(target))) {
    context_.set_credentials(grpc::MetadataCredentialsFromPlugin(std::make_unique<TokenPlugin>(target.token)));
  }

  void Start(std::shared_ptr<Call> self) {
    {
      std::lock_guard lock(mutex_);
      self_ = std::move(self);
    }
    stub_->async()->Relay(&context_, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }

  void Write(RelayMessage message) {
    std::lock_guard lock(mutex_);
    if (broken_ || writing_) return;
    outgoing_ = std::move(message);
    writing_ = true;
    StartWrite(&outgoing_);
  }

  bool ready() const {
    std::lock_guard lock(mutex_);
    return ready_;
  }
  bool idle() const {
    std::lock_guard lock(mutex_);
    return !writing_ && !broken_;
  }
  bool closed() const {
    std::lock_guard lock(mutex_);
    return done_;
  }
  absl::Status status() const {
    std::lock_guard lock(mutex_);
    return status_;
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
      if (!ok) return Break();
      ready_ = true;
      if (!broken_) StartRead(&incoming_);
    }
    notify_();
  }

  void OnWriteDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      if (!ok) return Break();
      writing_ = false;
      // A large report, or a token: not kept for longer than it takes.
      outgoing_ = RelayMessage();
    }
    notify_();
  }

  void OnDone(const grpc::Status& status) override {
    std::function<void()> notify;
    std::shared_ptr<Call> self;
    {
      std::lock_guard lock(mutex_);
      notify = notify_;
      self = std::move(self_);
      done_ = true;
      status_ = StatusOf(status);
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
  const std::unique_ptr<config::v1::ConfigService::Stub> stub_;
  grpc::ClientContext context_;
  std::shared_ptr<Call> self_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  RelayAnswer incoming_;
  RelayMessage outgoing_;
  bool ready_ = false;
  bool writing_ = false;
  bool broken_ = false;
  bool done_ = false;
  absl::Status status_;
};

RelayCall::RelayCall(const Target& target, std::function<void()> notify) {
  Finished().Clear();
  call_ = std::make_shared<Call>(target, std::move(notify));
  call_->Start(call_);
}

RelayCall::~RelayCall() {
  call_->Close();
  call_.reset();
  Finished().Clear();
}

bool RelayCall::ready() const {
  return call_->ready();
}

bool RelayCall::idle() const {
  return call_->idle();
}

void RelayCall::Write(config::v1::RelayMessage message) {
  call_->Write(std::move(message));
}

bool RelayCall::closed() const {
  return call_->closed();
}

absl::Status RelayCall::status() const {
  return call_->status();
}

}  // namespace portreeve::serve
