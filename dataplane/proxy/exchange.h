// One request and its answer: the one path of architecture section "A request", in one place.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dataplane/codec/server_stream.h"
#include "dataplane/http/arena.h"
#include "dataplane/http/message.h"
#include "dataplane/http/reason.h"
#include "dataplane/net/deadline_wheel.h"
#include "dataplane/observe/access_log_entry.h"
#include "dataplane/proxy/local_reply.h"
#include "dataplane/proxy/proxy_context.h"
#include "dataplane/proxy/request_pump.h"
#include "dataplane/route/route_table.h"

namespace portreeve::proxy {

// Made for one request and then thrown away; everything it refers to outlives it. Its thread is the worker's.
// As a Deadline it watches over the exchange: the client's leave, and the timeouts of the rule.
class Exchange final : private net::Deadline {
 public:
  Exchange(ProxyContext& context, const ConnectionFacts& connection, codec::ServerStream& stream,
           http::RequestHead& request, http::ResponseHead& response, http::Arena& arena);
  ~Exchange() override;

  // Serves the request. `refused`: what the codec found wrong with its head; then only the answer is given.
  net::Awaitable<void> Run(http::Failure refused);

  // The client has gone: ends what is waited for upstream. Run still returns by itself.
  void ClientGone();

  // The connection has become a tunnel, or can't be told apart any more: no further request on it.
  bool connection_taken() const { return connection_taken_; }

 private:
  // The steps, in order. False: failure_ says why, and the answer is the gateway's own.
  void Pin();
  bool Route();
  bool FilterRequest();
  bool ChooseBackend();
  net::Awaitable<void> Forward();
  void FilterResponse();
  net::Awaitable<void> RelayAnswer();
  net::Awaitable<void> SendLocalReply();
  void Log();

  // Parts of Forward.
  bool PickEndpoint();
  net::Awaitable<void> Connect();
  bool TakeFirstBodyPiece();
  net::Awaitable<void> ReadFirstBodyPiece();
  net::Awaitable<void> Send();
  net::Awaitable<void> ReadAnswerHead();
  bool MayTryAgain();
  // Never back to the pool.
  void DropConnection();
  net::Awaitable<void> RelayBody();
  net::Awaitable<void> RelayTunnel();
  net::Awaitable<void> FinishBody();

  // Watching.
  void Watch();
  void WatchTry();
  void ArmWatch();
  void OnDeadline() override;
  void StopWaiting(http::Reason reason);
  // What failed upstream, unless we stopped it ourselves.
  http::Failure Explained(http::Failure failure) const;

  void CountFailure();
  bool idempotent() const;
  // Since the first byte, microseconds; PhaseTime only where a log wants it.
  std::uint32_t Elapsed() const;
  std::uint32_t PhaseTime() const;

  ProxyContext& context_;
  const ConnectionFacts& connection_;
  codec::ServerStream& stream_;
  http::RequestHead& request_;
  http::ResponseHead& response_;
  http::Arena& arena_;

  std::shared_ptr<const config::RuntimeConfig> config_;
  const config::Listener* listener_ = nullptr;
  const config::Rule* rule_ = nullptr;
  const config::WeightedBackend* weighted_ = nullptr;
  const upstream::Backend* backend_ = nullptr;
  const upstream::Endpoint* endpoint_ = nullptr;
  std::string_view matched_prefix_;
  LocalReply reply_;
  std::string_view detail_;

  upstream::Lease lease_;
  RequestPump pump_;
  codec::BodyPiece first_piece_;
  std::uint64_t body_in_ = 0;
  std::uint64_t body_out_ = 0;
  std::uint32_t attempts_ = 0;
  bool connect_failed_once_ = false;

  http::Failure failure_;
  http::Phase phase_ = http::Phase::kRoute;
  // Set by the watch when it ends a wait.
  http::Reason stopped_ = http::Reason::kNone;
  bool waiting_upstream_ = false;
  bool answer_begun_ = false;
  bool tunnel_ = false;
  bool connection_taken_ = false;

  net::Clock::time_point start_;
  net::Clock::time_point request_deadline_ = net::Clock::time_point::max();
  net::Clock::time_point attempt_deadline_ = net::Clock::time_point::max();
  net::Clock::time_point head_deadline_ = net::Clock::time_point::max();
  net::Clock::time_point next_probe_ = net::Clock::time_point::max();
  observe::PhaseTimes times_;
  // For the log: as received, before filters changed them.
  std::string_view received_path_;
  std::string_view received_query_;
  std::string_view received_authority_;
  std::string_view request_id_;
};

}  // namespace portreeve::proxy
