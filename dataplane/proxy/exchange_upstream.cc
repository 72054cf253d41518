// The upstream half of an exchange: an endpoint, a connection, the request out and the answer back.
#include <algorithm>
#include <chrono>

#include "dataplane/net/yield.h"
#include "dataplane/proxy/exchange.h"
#include "dataplane/proxy/tunnel.h"

namespace portreeve::proxy {

using http::Phase;
using http::Reason;

namespace {

// How soon and how often a waiting exchange looks whether its client is still there.
constexpr std::chrono::milliseconds kFirstProbe{200};
constexpr std::chrono::milliseconds kNextProbe{1000};
// Pieces of a body that are relayed before others have their turn: a megabyte.
constexpr int kPiecesPerTurn = 64;

std::chrono::milliseconds Milliseconds(std::uint64_t count) {
  return std::chrono::milliseconds(count);
}

}  // namespace

net::Awaitable<void> Exchange::Forward() {
  Watch();
  for (;;) {
    failure_ = {};
    ++attempts_;
    WatchTry();
    if (!PickEndpoint()) {
      co_await Connect();
      if (failure_ && MayTryAgain()) continue;
      if (failure_) co_return;
    }
    if (!TakeFirstBodyPiece()) co_await ReadFirstBodyPiece();
    if (!failure_) co_await Send();
    if (!failure_) co_await ReadAnswerHead();
    if (!failure_) co_return;
    CountFailure();
    const bool again = MayTryAgain();
    DropConnection();
    if (!again) co_return;
  }
}

void Exchange::DropConnection() {
  pump_.Detach();
  lease_.Return(true);
}

// True: an idle connection was there.
bool Exchange::PickEndpoint() {
  phase_ = Phase::kConnect;
  const upstream::Endpoint* last = endpoint_;
  endpoint_ = context_.balancer.Pick(*backend_, weighted_->backend, last);
  context_.metric_cells.Backend(weighted_->backend, backend_->name).requests.Add(1);
  if (attempts_ > 1) context_.cells.retries.Add(1);
  // The second try never takes a connection that may be as stale as the first one was.
  if (attempts_ > 1) return false;
  lease_ = context_.pool.TakeIdle(*endpoint_, !idempotent());
  return static_cast<bool>(lease_);
}

net::Awaitable<void> Exchange::Connect() {
  const auto limit = backend_->connect_timeout.count() > 0
                         ? backend_->connect_timeout
                         : std::chrono::milliseconds(context_.limits().connect_timeout_ms);
  const auto now = net::Clock::now();
  const auto deadline = std::min({now + limit, request_deadline_, attempt_deadline_});
  upstream::AcquireResult acquired = co_await context_.pool.Connect(*endpoint_, deadline);
  if (acquired.reason != Reason::kNone) {
    Reason reason = acquired.reason;
    if (reason == Reason::kConnectTimeout && deadline == request_deadline_) reason = Reason::kRequestTimeout;
    if (reason == Reason::kConnectTimeout && deadline == attempt_deadline_) reason = Reason::kBackendRequestTimeout;
    failure_ = {reason, Phase::kConnect};
    CountFailure();
    co_return;
  }
  lease_ = std::move(acquired.lease);
  times_.connected = PhaseTime();
  // The client may have left while we were connecting, or the time may have run out.
  if (stopped_ != Reason::kNone) failure_ = {stopped_, Phase::kConnect};
}

// The part of the body that is here already goes out with the head. True: no need to wait for it.
bool Exchange::TakeFirstBodyPiece() {
  if (attempts_ > 1 || stream_.body_done()) {
    if (attempts_ == 1) first_piece_.end = true;
    return true;
  }
  if (request_.expect_continue) return false;
  if (stream_.TryReadBody(first_piece_)) {
    body_in_ += first_piece_.bytes.size();
    if (first_piece_.failure) failure_ = first_piece_.failure;
  }
  // Nothing here yet: the head goes out first, and the pump carries the body.
  return true;
}

// We answer Expect ourselves, once there is somebody who takes the body.
net::Awaitable<void> Exchange::ReadFirstBodyPiece() {
  http::ResponseHead& interim = response_;
  interim.Clear();
  interim.status = 100;
  request_.expect_continue = false;
  failure_ = co_await stream_.WriteInterim(interim);
}

net::Awaitable<void> Exchange::Send() {
  phase_ = Phase::kSend;
  codec::Http1Client& client = lease_.client();
  waiting_upstream_ = true;
  http::Failure failure;
  if (!client.TrySendHead(request_, first_piece_.bytes, first_piece_.end, failure)) {
    failure = co_await client.SendHead(request_, first_piece_.bytes, first_piece_.end);
  }
  waiting_upstream_ = false;
  // A connection that breaks while we send may have brought an answer before: that is looked for first.
  if (failure && failure.reason != Reason::kUpstreamReset) {
    failure_ = Explained(failure);
    co_return;
  }
  if (!failure && !first_piece_.end) pump_.Start(client);
  times_.sent = PhaseTime();
}

net::Awaitable<void> Exchange::ReadAnswerHead() {
  phase_ = Phase::kWait;
  codec::Http1Client& client = lease_.client();
  const bool head_request = request_.method == "HEAD";
  const bool upgrade = !request_.upgrade.empty();
  for (;;) {
    // Stopped while nothing was waited for.
    if (stopped_ != Reason::kNone) {
      failure_ = {stopped_, Phase::kWait};
      co_return;
    }
    waiting_upstream_ = true;
    failure_ = co_await client.ReadHead(response_, arena_, head_request, upgrade);
    waiting_upstream_ = false;
    if (failure_) {
      failure_ = Explained(failure_);
      // The client's body broke off, and so did the request: that is the reason, not what followed from it.
      if (pump_.read_failure()) failure_ = pump_.read_failure();
      co_return;
    }
    if (response_.status >= 200 || response_.status == 101) break;
    if (response_.status == 100) continue;  // ours was sent already
    http::Failure written = co_await stream_.WriteInterim(response_);
    if (written) {
      failure_ = written;
      co_return;
    }
  }
  times_.head_received = PhaseTime();
}

// Once more, when the endpoint can't have begun on the request: on a connection that was closed under our hands
// (RFC 9110 section 9.2.2 for requests that may not be repeated), or another endpoint when one can't be reached.
bool Exchange::MayTryAgain() {
  if (stopped_ != Reason::kNone || attempts_ >= 3) return false;
  if (!lease_) {
    if (failure_.reason != Reason::kConnectFailed || connect_failed_once_ || backend_->endpoints.size() < 2) {
      return false;
    }
    connect_failed_once_ = true;
    return true;
  }
  // Bytes of the body that were pulled are gone, but for the first piece.
  const bool body_kept = first_piece_.end && !pump_.started();
  return failure_.reason == Reason::kUpstreamReset && lease_.reused() && lease_.client().retryable() && body_kept &&
         idempotent();
}

bool Exchange::idempotent() const {
  const std::string_view method = request_.method;
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS";
}

net::Awaitable<void> Exchange::RelayAnswer() {
  phase_ = Phase::kBody;
  if (response_.status == 101) {
    co_await RelayTunnel();
    co_return;
  }
  FilterResponse();
  codec::Http1Client& client = lease_.client();
  codec::BodyPiece piece;
  if (response_.framing == http::Framing::kNone || request_.method == "HEAD") {
    piece.end = true;
  } else {
    // What came with the head goes out with it.
    client.TryReadBody(piece);
  }
  if (piece.failure && piece.bytes.empty()) {
    // Nothing has been sent yet: an honest 502 instead of half an answer.
    failure_ = {Reason::kUpstreamReset, Phase::kHeadReceived};
    DropConnection();
    co_return;
  }
  const bool trailers = piece.end && !client.trailers().empty();
  answer_begun_ = true;
  http::Failure written;
  if (!stream_.TryWriteHead(response_, piece.bytes, piece.end && !trailers, written)) {
    written = co_await stream_.WriteHead(response_, piece.bytes, piece.end && !trailers);
  }
  body_out_ += piece.bytes.size();
  if (!written && trailers) written = co_await stream_.WriteTrailers(client.trailers());
  failure_ = written ? written : piece.failure;
  if (!failure_ && !piece.end) co_await RelayBody();
  co_await FinishBody();
}

net::Awaitable<void> Exchange::RelayBody() {
  codec::Http1Client& client = lease_.client();
  for (int pieces = 1;; ++pieces) {
    if (pieces % kPiecesPerTurn == 0) co_await net::Yield(context_.worker.executor());
    if (stopped_ != Reason::kNone) {
      failure_ = {stopped_, Phase::kBody};
      co_return;
    }
    codec::BodyPiece piece;
    if (!client.TryReadBody(piece)) {
      waiting_upstream_ = true;
      piece = co_await client.ReadBody();
      waiting_upstream_ = false;
    }
    if (piece.failure) {
      failure_ = Explained(piece.failure);
      co_return;
    }
    const bool trailers = piece.end && !client.trailers().empty();
    http::Failure written;
    if (!stream_.TryWriteBody(piece.bytes, piece.end && !trailers, written)) {
      written = co_await stream_.WriteBody(piece.bytes, piece.end && !trailers);
    }
    body_out_ += piece.bytes.size();
    if (!written && trailers) written = co_await stream_.WriteTrailers(client.trailers());
    if (written) {
      failure_ = written;
      co_return;
    }
    if (piece.end) co_return;
  }
}

net::Awaitable<void> Exchange::FinishBody() {
  Disarm();
  if (failure_) {
    CountFailure();
    // The client must be able to tell that this isn't the whole answer.
    stream_.Abort();
  }
  if (pump_.running()) co_await pump_.Join();
  lease_.Return(static_cast<bool>(failure_) || (pump_.started() && !pump_.complete()));
}

net::Awaitable<void> Exchange::RelayTunnel() {
  Disarm();
  answer_begun_ = true;
  failure_ = co_await stream_.WriteHead(response_, std::string_view(), true);
  if (failure_) {
    stream_.Abort();
    lease_.Return(true);
    co_return;
  }
  std::string_view early_in;
  std::string_view early_out;
  net::Transport* client = stream_.TakeTransport(early_in);
  net::Transport& endpoint = lease_.client().TakeTransport(early_out);
  if (client == nullptr) {
    failure_ = {Reason::kInternal, Phase::kTunnel};
    lease_.Return(true);
    co_return;
  }
  connection_taken_ = tunnel_ = true;
  const TunnelResult result = co_await RunTunnel(context_.worker, *client, early_in, endpoint, early_out,
                                                 context_.limits().tunnel_idle_timeout_ms);
  body_in_ = result.bytes_in;
  body_out_ = result.bytes_out;
  if (result.idle_timeout) failure_ = {Reason::kIdleTimeout, Phase::kTunnel};
  lease_.Return(true);
}

void Exchange::Watch() {
  const auto request = rule_->request_timeout.value_or(Milliseconds(context_.limits().request_timeout_ms));
  if (request.count() > 0) request_deadline_ = start_ + request;
  next_probe_ = start_ + kFirstProbe;
}

// What bounds one try; `timeouts.request` and the watch over the client go on over all of them.
void Exchange::WatchTry() {
  const auto now = attempts_ == 1 ? start_ : net::Clock::now();
  const auto attempt = rule_->backend_request_timeout.value_or(std::chrono::milliseconds(0));
  if (attempt.count() > 0) attempt_deadline_ = now + attempt;
  const auto head = Milliseconds(context_.limits().response_head_timeout_ms);
  const bool timeouts_set = rule_->request_timeout || rule_->backend_request_timeout;
  if (!timeouts_set && head.count() > 0) head_deadline_ = now + head;
  ArmWatch();
}

void Exchange::ArmWatch() {
  Arm(std::min({request_deadline_, attempt_deadline_, head_deadline_, next_probe_}));
}

void Exchange::OnDeadline() {
  const auto now = context_.worker.wheel().now();
  if (now >= request_deadline_) return StopWaiting(Reason::kRequestTimeout);
  if (now >= attempt_deadline_) return StopWaiting(Reason::kBackendRequestTimeout);
  if (now >= head_deadline_) {
    if (phase_ > Phase::kWait) {
      head_deadline_ = net::Clock::time_point::max();
    } else if (pump_.started() && now < pump_.last_sent() + Milliseconds(context_.limits().response_head_timeout_ms)) {
      // An endpoint owes its answer only once it has the request: an upload may take its time.
      head_deadline_ = pump_.last_sent() + Milliseconds(context_.limits().response_head_timeout_ms);
    } else {
      return StopWaiting(Reason::kResponseTimeout);
    }
  }
  if (now >= next_probe_) {
    if (stream_.PeerGone()) return ClientGone();
    next_probe_ = now + kNextProbe;
  }
  ArmWatch();
}

void Exchange::ClientGone() {
  StopWaiting(Reason::kClientClosed);
}

// A cancelled wait goes on before Cancel returns, and the exchange may be over by then: nothing comes after it.
void Exchange::StopWaiting(Reason reason) {
  if (stopped_ == Reason::kNone) stopped_ = reason;
  if (waiting_upstream_) {
    lease_.client().transport().Cancel();
  } else if (answer_begun_) {
    // It is the client that is waited for.
    stream_.Cancel();
  }
}

http::Failure Exchange::Explained(http::Failure failure) const {
  return stopped_ != Reason::kNone ? http::Failure{stopped_, failure.phase} : failure;
}

void Exchange::CountFailure() {
  if (backend_ != nullptr && http::Describe(failure_.reason).origin == http::Origin::kUpstream) {
    context_.metric_cells.Backend(weighted_->backend, backend_->name).failures.Add(1);
  }
}

}  // namespace portreeve::proxy
