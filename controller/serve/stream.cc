#include "controller/serve/stream.h"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <utility>

#include "common/log.h"
#include "controller/serve/report_message.h"

namespace portreeve::serve {
namespace {

using config::v1::Verdict;

// An install waits for workers and sockets, never for clients.
constexpr std::chrono::seconds kVerdictDeadline(60);
constexpr ServedStream::PeerKind kDataPlane = {"data plane", "start it with --controller-token"};

}  // namespace

Stream::Stream(StreamRegistry& registry) : ServedStream(registry, kDataPlane) {}

Stream::~Stream() = default;

// protobuf can't hold messages that belong to somebody else for longer than this object knows of; give them back.
Stream::Outgoing::~Outgoing() {
  while (!message.changed().empty()) message.mutable_changed()->UnsafeArenaReleaseLast();
}

void Stream::Wake() {
  std::lock_guard lock(mutex_);
  SendIfIdle();
}

void Stream::OnReadDone(bool ok) {
  std::lock_guard lock(mutex_);
  if (!ok) return FinishOnce(grpc::Status::OK);
  const grpc::Status status = TakeMessage();
  if (!status.ok()) return Refuse(status);
  if (finished_) return;
  // Hello may be large, and is needed no more.
  incoming_ = config::v1::DataPlaneMessage();
  ReadNext();
  SendIfIdle();
}

void Stream::OnWriteDone(bool ok) {
  std::lock_guard lock(mutex_);
  if (!ok) return FinishOnce({grpc::StatusCode::UNAVAILABLE, "the data plane went away"});
  if (outgoing_ == nullptr) return;
  outgoing_->written = true;
  CompleteOutgoing();
}

void Stream::OnCancel() {
  Close({grpc::StatusCode::CANCELLED, "the data plane went away"});
}

void Stream::OnDone() {
  Leave();
}

// It would get the configuration of all Gateways, since its own is "".
grpc::Status Stream::Admit(const Identity& identity) const {
  if (!identity.controller) return grpc::Status::OK;
  return {grpc::StatusCode::PERMISSION_DENIED,
          absl::StrCat("the token of pod '", identity.pod,
                       "' is of the controller, and configuration is for data planes; they run as the ServiceAccount "
                       "that was made for their Gateway")};
}

grpc::Status Stream::TakeMessage() {
  if (incoming_.has_hello()) return TakeHello(*incoming_.mutable_hello());
  if (incoming_.has_verdict()) return TakeVerdict(incoming_.verdict());
  if (incoming_.has_proof()) return TakeProof(*incoming_.mutable_proof());
  return BrokenProtocol("a message that is neither Hello, Verdict nor Proof");
}

grpc::Status Stream::TakeHello(config::v1::Hello& hello) {
  if (greeted_) return BrokenProtocol("a second Hello");
  if (hello.gateway().size() > kMaxNameBytes || hello.instance().size() > kMaxNameBytes) {
    return BrokenProtocol("a name in Hello is too long");
  }
  gateway_ = hello.gateway();
  instance_ = hello.instance();
  if (identity_ && identity_->gateway != gateway_) {
    const std::string asked = gateway_.empty() ? "all Gateways" : absl::StrCat("Gateway '", gateway_, "'");
    return {grpc::StatusCode::PERMISSION_DENIED,
            absl::StrCat("the token of pod '", identity_->pod, "' is of Gateway '", identity_->gateway,
                         "', and the data plane asks for ", asked, "; start it with --gateway ", identity_->gateway)};
  }
  if (hello.epoch() > registry_.epoch()) {
    return {grpc::StatusCode::FAILED_PRECONDITION, absl::StrCat("the epoch of this controller is ", registry_.epoch(),
                                                                ", and the data plane has seen ", hello.epoch())};
  }
  greeted_ = true;
  answer_.alarm.reset();
  held_snapshot_ = hello.snapshot();
  held_.reserve(static_cast<std::size_t>(hello.held_size()));
  for (auto& held : *hello.mutable_held()) {
    held_.insert_or_assign(std::move(*held.mutable_key()), std::move(*held.mutable_version()));
  }
  log::Info("data plane connected", {{"gateway", gateway_}, {"instance", instance_}, {"held", held_.size()}});
  if (registry_.cache().Latest(gateway_) == nullptr) {
    log::Info("nothing to send to it yet", {{"gateway", gateway_}, {"instance", instance_}});
  }
  return grpc::Status::OK;
}

grpc::Status Stream::TakeVerdict(const Verdict& verdict) {
  if (!greeted_) return BrokenProtocol("a verdict before Hello");
  if (outgoing_ != nullptr && !outgoing_->answered && verdict.nonce() == outgoing_->message.nonce()) {
    return TakeResult(verdict);
  }
  // The same verdict again, as it is now: a listener could be opened after all.
  if (base_ != nullptr && outgoing_ == nullptr && verdict.nonce() == nonce_ && verdict.result() == Verdict::INSTALLED) {
    Report(verdict);
  }
  return grpc::Status::OK;
}

grpc::Status Stream::TakeResult(const Verdict& verdict) {
  answer_.alarm.reset();
  switch (verdict.result()) {
    case Verdict::INSTALLED:
      base_ = outgoing_->target;
      Report(verdict);
      break;
    case Verdict::MISMATCH:
      if (outgoing_->message.base().empty()) return BrokenProtocol("MISMATCH to a delta that was full");
      log::Info("data plane doesn't hold what this delta starts from; sending everything",
                {{"gateway", gateway_}, {"instance", instance_}, {"base", outgoing_->message.base()}});
      base_ = nullptr;
      send_full_ = true;
      break;
    case Verdict::STALE_EPOCH:
      return {grpc::StatusCode::FAILED_PRECONDITION, "the data plane has seen a higher epoch"};
    default:
      return BrokenProtocol("a verdict of an unknown result");
  }
  outgoing_->answered = true;
  CompleteOutgoing();
  return grpc::Status::OK;
}

void Stream::CompleteOutgoing() {
  if (!outgoing_->written || !outgoing_->answered) return;
  outgoing_.reset();
  SendIfIdle();
}

void Stream::SendIfIdle() {
  if (!greeted_ || finished_ || outgoing_ != nullptr) return;
  const std::shared_ptr<const Snapshot> latest = registry_.cache().Latest(gateway_);
  if (latest == nullptr) return;
  // A new epoch is told even if nothing else is new.
  const bool epoch_known = epoch_ == registry_.epoch();
  if (epoch_known && latest == base_) return;
  if (epoch_known && base_ != nullptr && base_->version == latest->version) {
    base_ = latest;
    return;
  }
  outgoing_ = Next(latest);
  log::Debug("sending a delta", {{"gateway", gateway_},
                                 {"instance", instance_},
                                 {"nonce", nonce_},
                                 {"base", outgoing_->message.base()},
                                 {"target", outgoing_->message.target()},
                                 {"changed", outgoing_->delta.changed.size()},
                                 {"removed", outgoing_->delta.removed.size()}});
  Expect(&Stream::answer_, kVerdictDeadline, "a verdict");
  StartWrite(&outgoing_->message);
}

// The first delta of a stream is sent even if it is empty: the verdict on it says what the data plane listens on.
std::unique_ptr<Stream::Outgoing> Stream::Next(const std::shared_ptr<const Snapshot>& latest) {
  static const translate::ResourceMap kNothing;
  auto next = std::make_unique<Outgoing>();
  next->target = latest;
  if (base_ != nullptr) {
    next->delta = Diff(base_->resources, latest->resources);
    next->message.set_base(base_->version);
  } else if (!send_full_ && !held_snapshot_.empty()) {
    next->delta = Diff(held_, latest->resources);
    next->message.set_base(held_snapshot_);
  } else {
    next->delta = Diff(kNothing, latest->resources);
  }
  held_ = {};
  held_snapshot_.clear();
  send_full_ = false;

  epoch_ = registry_.epoch();
  next->message.set_nonce(++nonce_);
  next->message.set_epoch(epoch_);
  next->message.set_target(latest->version);
  auto* changed = next->message.mutable_changed();
  changed->Reserve(static_cast<int>(next->delta.changed.size()));
  for (const ResourcePtr& resource : next->delta.changed) {
    // Only read, and given back by ~Outgoing.
    changed->UnsafeArenaAddAllocated(const_cast<config::v1::Resource*>(resource.get()));
  }
  for (const std::string& key : next->delta.removed) next->message.add_removed(key);
  return next;
}

void Stream::Report(const Verdict& verdict) {
  DataPlaneReport report;
  report.gateway = gateway_;
  report.instance = instance_;
  if (identity_) report.pod = identity_->pod;
  report.snapshot = base_->version;
  report.refused = ReadRefusals(verdict.refused());
  report.listening.assign(verdict.listening().begin(), verdict.listening().end());
  registry_.Report(this, std::move(report));
}

}  // namespace portreeve::serve
