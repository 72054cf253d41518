#include "controller/serve/relay_stream.h"

#include <absl/strings/str_cat.h>

#include "common/log.h"
#include "controller/serve/report_message.h"

namespace portreeve::serve {
namespace {

constexpr ServedStream::PeerKind kReplica = {
    "replica of the controller", "give its pod a projected volume with a token for the audience 'portreeve.dev'"};
// Of one replica; far beyond what it could serve.
constexpr std::size_t kMaxDataPlanes = 20'000;

}  // namespace

RelayStream::RelayStream(StreamRegistry& registry) : ServedStream(registry, kReplica) {}

RelayStream::~RelayStream() = default;

void RelayStream::OnReadDone(bool ok) {
  std::lock_guard lock(mutex_);
  if (!ok) return FinishOnce(grpc::Status::OK);
  // What has come before the end may still be read after it, and nobody waits for it any more.
  if (finished_) return;
  const grpc::Status status = TakeMessage();
  if (!status.ok()) return Refuse(status);
  if (finished_) return;
  // The last report may have been large.
  incoming_ = config::v1::RelayMessage();
  ReadNext();
}

void RelayStream::OnWriteDone(bool ok) {
  if (!ok) Close({grpc::StatusCode::UNAVAILABLE, "the replica went away"});
}

void RelayStream::OnCancel() {
  Close({grpc::StatusCode::CANCELLED, "the replica went away"});
}

void RelayStream::OnDone() {
  Leave();
}

// A data plane could say of all others that they have accepted everything.
grpc::Status RelayStream::Admit(const Identity& identity) const {
  if (identity.controller) return grpc::Status::OK;
  return {grpc::StatusCode::PERMISSION_DENIED,
          absl::StrCat("the token of pod '", identity.pod, "' is of Gateway '", identity.gateway,
                       "', and only replicas of the controller relay reports; they run as the controller's "
                       "ServiceAccount")};
}

grpc::Status RelayStream::TakeMessage() {
  if (incoming_.ByteSizeLong() > kMaxRelayBytes) return BrokenProtocol("a message of more than 4 MiB");
  if (incoming_.has_hello()) return TakeHello(*incoming_.mutable_hello());
  if (incoming_.has_report()) return TakeReport(incoming_.report());
  if (incoming_.has_proof()) return TakeProof(*incoming_.mutable_proof());
  return BrokenProtocol("a message that is neither RelayHello, RelayedReport nor Proof");
}

grpc::Status RelayStream::TakeHello(config::v1::RelayHello& hello) {
  if (greeted_) return BrokenProtocol("a second RelayHello");
  if (hello.instance().size() > kMaxNameBytes) return BrokenProtocol("a name in RelayHello is too long");
  greeted_ = true;
  answer_.alarm.reset();
  instance_ = std::move(*hello.mutable_instance());
  log::Info("a replica relays what its data planes report", {{"instance", instance_}, {"pod", identity_->pod}});
  StartWrite(&ready_);
  return grpc::Status::OK;
}

grpc::Status RelayStream::TakeReport(const config::v1::RelayedReport& message) {
  if (!greeted_) return BrokenProtocol("a report before RelayHello");
  if (message.gateway().size() > kMaxNameBytes || message.instance().size() > kMaxNameBytes ||
      message.pod().size() > kMaxNameBytes) {
    return BrokenProtocol("a name in a report is too long");
  }
  std::pair<std::string, std::string> data_plane(message.gateway(), message.instance());
  if (!message.connected()) {
    connected_.erase(data_plane);
  } else if (connected_.insert(std::move(data_plane)).second && connected_.size() > kMaxDataPlanes) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            absl::StrCat("a replica has ", kMaxDataPlanes, " data planes at most")};
  }
  registry_.ReportRelayed(this, ReadReport(message), StreamRegistry::Clock::now() - AgeOf(message));
  return grpc::Status::OK;
}

}  // namespace portreeve::serve
