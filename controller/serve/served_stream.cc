#include "controller/serve/served_stream.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "common/log.h"

namespace portreeve::serve {
namespace {

constexpr std::chrono::seconds kHelloDeadline(10);

}  // namespace

grpc::Status BrokenProtocol(const char* what) {
  return {grpc::StatusCode::INVALID_ARGUMENT, what};
}

ServedStream::~ServedStream() = default;

void ServedStream::Start() {
  std::lock_guard lock(mutex_);
  if (Begin()) ReadNext();
}

void ServedStream::StartWith(SecretBytes token, std::string peer) {
  std::lock_guard lock(mutex_);
  must_prove_ = true;
  peer_ = std::move(peer);
  if (Begin()) Prove(std::move(token));
}

bool ServedStream::Begin() {
  self_ = shared_from_this();
  if (registry_.Add(self_)) {
    Expect(&ServedStream::answer_, kHelloDeadline, "Hello");
    return true;
  }
  FinishOnce({grpc::StatusCode::UNAVAILABLE, "the controller is stopping"});
  return false;
}

void ServedStream::Close(const grpc::Status& status) {
  std::lock_guard lock(mutex_);
  FinishOnce(status);
}

void ServedStream::Leave() {
  std::shared_ptr<ServedStream> self;
  {
    std::lock_guard lock(mutex_);
    self = std::move(self_);
    answer_.alarm.reset();
    proof_.alarm.reset();
    if (greeted_) {
      log::Info(absl::StrCat(kind_.name, " disconnected"), {{"gateway", gateway_}, {"instance", instance_}});
    }
  }
  registry_.Remove(std::move(self));
}

void ServedStream::Prove(SecretBytes token) {
  if (token.Reveal().empty()) {
    return Refuse({grpc::StatusCode::UNAUTHENTICATED,
                   absl::StrCat("a ", kind_.name, " shows the token of its ServiceAccount; ", kind_.remedy)});
  }
  proving_ = registry_.gate()->Ask(std::move(token), [weak = weak_from_this()](const absl::StatusOr<Identity>& who) {
    if (const std::shared_ptr<ServedStream> stream = weak.lock()) stream->OnIdentity(who);
  });
  // Whoever is in already stays.
  if (!proving_ && !identity_) Refuse({grpc::StatusCode::UNAVAILABLE, "too many connect at once"});
}

void ServedStream::OnIdentity(const absl::StatusOr<Identity>& identity) {
  std::lock_guard lock(mutex_);
  proving_ = false;
  if (finished_) return;
  if (identity.ok()) {
    if (const grpc::Status admitted = Admit(*identity); !admitted.ok()) return Refuse(admitted);
    if (identity_ && identity_->gateway != identity->gateway) {
      return Refuse(
          {grpc::StatusCode::PERMISSION_DENIED, absl::StrCat("the token is of Gateway '", identity->gateway,
                                                             "' now, and was of Gateway '", identity_->gateway, "'")});
    }
    const bool first = !identity_;
    identity_ = *identity;
    Expect(&ServedStream::proof_, registry_.proof_deadline(), "a proof of who it is");
    if (first) ReadNext();
    return;
  }
  const absl::Status& status = identity.status();
  if (identity_ && absl::IsUnavailable(status)) {
    // As long as nobody can be asked, what was true last counts.
    log::Warning(absl::StrCat("whose token a ", kind_.name, " shows can't be found out; its stream goes on"),
                 {{"gateway", gateway_}, {"instance", instance_}, {"reason", std::string(status.message())}});
    return Expect(&ServedStream::proof_, registry_.proof_deadline(), "a proof of who it is");
  }
  Refuse({static_cast<grpc::StatusCode>(status.code()), std::string(status.message())});
}

grpc::Status ServedStream::TakeProof(config::v1::Proof& proof) {
  if (!must_prove_) return BrokenProtocol("a proof that nobody asked for");
  if (proving_) return grpc::Status::OK;
  Prove(SecretBytes(std::move(*proof.mutable_token())));
  return grpc::Status::OK;
}

void ServedStream::FinishOnce(const grpc::Status& status) {
  if (std::exchange(finished_, true)) return;
  answer_.alarm.reset();
  proof_.alarm.reset();
  FinishCall(status);
}

void ServedStream::Refuse(const grpc::Status& status) {
  registry_.ReportEnd(kind_.name, gateway_, instance_.empty() ? peer_ : instance_, status.error_message());
  FinishOnce(status);
}

void ServedStream::Expect(Awaited ServedStream::* awaited, std::chrono::milliseconds deadline, const char* what) {
  Awaited& one = this->*awaited;
  const std::uint64_t wait = ++one.wait;
  one.alarm = std::make_unique<grpc::Alarm>();
  one.alarm->Set(std::chrono::system_clock::now() + deadline, [weak = weak_from_this(), awaited, wait, what](bool ok) {
    if (!ok) return;
    if (const std::shared_ptr<ServedStream> stream = weak.lock()) stream->OnDeadline(awaited, wait, what);
  });
}

void ServedStream::OnDeadline(Awaited ServedStream::* awaited, std::uint64_t wait, const char* what) {
  std::lock_guard lock(mutex_);
  const Awaited& one = this->*awaited;
  if (wait != one.wait || one.alarm == nullptr) return;
  log::Warning(absl::StrCat(kind_.name, " is silent; ending its stream"),
               {{"gateway", gateway_}, {"instance", instance_}, {"awaited", what}});
  FinishOnce({grpc::StatusCode::DEADLINE_EXCEEDED, absl::StrCat(what, " didn't come in time")});
}

}  // namespace portreeve::serve
