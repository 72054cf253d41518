#include "dataplane/proxy/exchange.h"

#include <chrono>

#include "dataplane/proxy/forwarded.h"
#include "dataplane/proxy/listener_choice.h"

namespace portreeve::proxy {

using http::Phase;
using http::Reason;

Exchange::Exchange(ProxyContext& context, const ConnectionFacts& connection, codec::ServerStream& stream,
                   http::RequestHead& request, http::ResponseHead& response, http::Arena& arena)
    : Deadline(context.worker.wheel()),
      context_(context),
      connection_(connection),
      stream_(stream),
      request_(request),
      response_(response),
      arena_(arena),
      pump_(context.worker, stream) {
  context_.cells.requests_open.Add(1);
}

Exchange::~Exchange() {
  context_.cells.requests_open.Subtract(1);
}

net::Awaitable<void> Exchange::Run(http::Failure refused) {
  start_ = net::Clock::now();
  failure_ = refused;                                                // 1 the codec has checked the head
  Pin();                                                             // 2 one version from start to end
  if (!failure_ && Route() && FilterRequest() && ChooseBackend()) {  // 3, 4, 5
    co_await Forward();                                              // 6 send, receive; retry here
    if (!failure_) co_await RelayAnswer();                           // 7 response filters, 8 write
  }
  if (failure_ && !answer_begun_) co_await SendLocalReply();  // 7, 8 for an answer of our own
  if (pump_.running()) co_await pump_.Join();
  Disarm();
  Log();  // 9
}

void Exchange::Pin() {
  config_ = context_.config;
  received_path_ = request_.path;
  received_query_ = request_.query;
  received_authority_ = request_.authority;
  if (context_.options.forwarded_headers || context_.access_log.enabled()) {
    request_id_ = RequestId(request_, arena_, context_.random);
  }
  // Before anything is matched: what a client claims of itself must not choose its route. Filters come later and have
  // the last word.
  if (!failure_) SetForwarded(request_, arena_, context_.options, connection_, received_authority_, request_id_);
}

bool Exchange::Route() {
  const auto port = config_->ports.find(connection_.port);
  if (port == config_->ports.end() || port->second->tls != connection_.tls) {
    // The listener has gone, or speaks another protocol now; connections of before end with the answer in hand.
    stream_.CloseAfter();
    failure_ = {Reason::kNoListener, Phase::kRoute};
    return false;
  }
  const ListenerChoice choice = ChooseListener(*port->second, connection_, request_.host);
  listener_ = choice.listener;
  if (listener_ == nullptr) {
    failure_ = {choice.reason, Phase::kRoute};
    return false;
  }
  const route::RouteMatch match = listener_->routes->Match(request_);
  rule_ = match.rule;
  matched_prefix_ = match.matched_prefix;
  if (rule_ == nullptr) failure_ = {Reason::kNoRoute, Phase::kRoute};
  return rule_ != nullptr;
}

namespace {

const config::WeightedBackend& Draw(const config::Rule& rule, upstream::Random& random) {
  if (rule.backends.size() == 1) return rule.backends.front();
  std::uint64_t ticket = random.Below(rule.total_weight);
  for (const config::WeightedBackend& one : rule.backends) {
    if (ticket < one.weight) return one;
    ticket -= one.weight;
  }
  return rule.backends.back();
}

}  // namespace

bool Exchange::FilterRequest() {
  phase_ = Phase::kPolicy;
  if (rule_->total_weight > 0) weighted_ = &Draw(*rule_, context_.random);
  filter::FilterContext filtering{arena_, connection_.port, matched_prefix_, {}, Reason::kNone};
  for (const filter::FilterChain* chain : {&rule_->filters, weighted_ != nullptr ? &weighted_->filters : nullptr}) {
    if (chain == nullptr || chain->empty()) continue;
    const filter::FilterResult result = chain->OnRequest(request_, filtering);
    if (result == filter::FilterResult::kContinue) continue;
    failure_ = {filtering.reason, Phase::kPolicy};
    if (result == filter::FilterResult::kReply) {
      reply_.status = filtering.reply.status;
      reply_.location = filtering.reply.location;
    }
    return false;
  }
  return true;
}

bool Exchange::ChooseBackend() {
  if (weighted_ == nullptr) {
    failure_ = {Reason::kNoBackends, Phase::kRoute};
    return false;
  }
  if (weighted_->backend < config_->backends.size()) backend_ = config_->backends[weighted_->backend].get();
  if (backend_ == nullptr) {
    detail_ = weighted_->unresolved;
    failure_ = {Reason::kBackendUnresolved, Phase::kRoute};
    return false;
  }
  if (backend_->endpoints.empty()) {
    failure_ = {Reason::kNoEndpoints, Phase::kRoute};
    return false;
  }
  times_.routed = PhaseTime();
  return true;
}

net::Awaitable<void> Exchange::SendLocalReply() {
  if (reply_.status == 0) reply_ = MakeLocalReply(failure_, arena_);
  // Nobody is there to read it.
  if (http::Describe(failure_.reason).status == 0) {
    stream_.Abort();
    co_return;
  }
  FillLocalReply(reply_, failure_, context_.options.proxy_status, arena_, response_);
  FilterResponse();
  answer_begun_ = true;
  http::Failure written;
  if (!stream_.TryWriteHead(response_, reply_.body, true, written)) {
    written = co_await stream_.WriteHead(response_, reply_.body, true);
  }
  if (written) {
    failure_ = written;
    stream_.Abort();
    co_return;
  }
  body_out_ = request_.method == "HEAD" ? 0 : reply_.body.size();
}

void Exchange::FilterResponse() {
  // An answer to a request that no rule has taken, or that the filters themselves failed, is no rule's to change.
  if (rule_ == nullptr || failure_.reason == Reason::kInvalidRewrite) return;
  filter::FilterContext filtering{arena_, connection_.port, matched_prefix_, {}, Reason::kNone};
  if (weighted_ != nullptr) weighted_->filters.OnResponse(response_, filtering);
  rule_->filters.OnResponse(response_, filtering);
}

void Exchange::Log() {
  const std::uint32_t elapsed = Elapsed();
  const int status = answer_begun_ ? response_.status : 0;
  observe::ListenerCells& cells = listener_ != nullptr
                                      ? context_.metric_cells.Listener(listener_->metrics_index, listener_->name)
                                      : context_.metric_cells.NoListener();
  cells.reasons[static_cast<std::size_t>(failure_.reason)].Add(1);
  if (status >= 100 && status < 600) cells.status_classes[static_cast<std::size_t>(status / 100)].Add(1);
  std::size_t bucket = 0;
  while (bucket < observe::kDurationBounds.size() && elapsed > observe::kDurationBounds[bucket]) ++bucket;
  cells.durations[bucket].Add(1);
  cells.duration_sum_us.Add(elapsed);
  body_in_ += pump_.bytes();
  cells.bytes_in.Add(body_in_);
  cells.bytes_out.Add(body_out_);
  if (!context_.access_log.enabled()) return;

  observe::AccessLogEntry entry;
  if (listener_ != nullptr) entry.listener = listener_->name;
  entry.port = connection_.port;
  entry.client = connection_.client;
  entry.protocol = http::VersionName(request_.version);
  entry.tls = connection_.tls_summary;
  entry.server_name = connection_.server_name;
  entry.method = request_.method;
  entry.host = received_authority_;
  entry.path = received_path_;
  entry.query = received_query_;
  entry.request_id = request_id_;
  entry.status = status;
  entry.origin = http::Describe(failure_.reason).origin;
  entry.phase = failure_ ? failure_.phase : (tunnel_ ? Phase::kTunnel : Phase::kDone);
  entry.reason = failure_.reason;
  entry.detail = detail_;
  if (rule_ != nullptr) {
    entry.route = rule_->route;
    entry.rule = static_cast<std::int32_t>(rule_->index);
    entry.rule_name = rule_->name;
  }
  if (backend_ != nullptr) entry.backend = backend_->name;
  if (endpoint_ != nullptr) entry.endpoint = endpoint_->text;
  entry.attempts = attempts_;
  entry.bytes_in = body_in_;
  entry.bytes_out = body_out_;
  entry.duration_us = elapsed;
  entry.times = times_;
  context_.Log(entry);
}

std::uint32_t Exchange::PhaseTime() const {
  return context_.access_log.enabled() ? Elapsed() : 0;
}

std::uint32_t Exchange::Elapsed() const {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(net::Clock::now() - start_).count());
}

}  // namespace portreeve::proxy
