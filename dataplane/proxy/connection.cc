#include "dataplane/proxy/connection.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>

#include "dataplane/net/tcp_transport.h"
#include "dataplane/proxy/connections.h"
#include "dataplane/proxy/exchange.h"
#include "dataplane/proxy/http2_requests.h"
#include "dataplane/tls/tls_transport.h"

namespace portreeve::proxy {
namespace {

using http::Phase;
using http::Reason;

// RFC 9113 section 3.4.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// False for a first line in which neither the target nor the version is one of HTTP: another protocol speaks, and an
// answer of HTTP/1 would mean nothing to it (h2spec expects the close, without a byte). What is merely malformed is
// answered 400 by the codec.
bool MayBeHttp1(std::string_view early) {
  const std::size_t end = early.find('\n');
  if (end == std::string_view::npos) return true;
  const std::string_view line = early.substr(0, end);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return true;
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  return target.starts_with('/') || target.starts_with('*') || target.find(':') != std::string_view::npos ||
         version.starts_with("HTTP/");
}

std::chrono::milliseconds Ms(std::uint64_t value) {
  return std::chrono::milliseconds(value);
}

}  // namespace

Connection::Connection(ProxyContext& context, Connections& owner, std::unique_ptr<net::PolledSocket> socket,
                       std::shared_ptr<tls::TlsServerContext> tls)
    : context_(context), owner_(owner), start_(net::Clock::now()), tls_(tls != nullptr) {
  facts_.port = socket->local_port();
  facts_.tls = tls_;
  facts_.client = socket->peer_address();
  if (tls_) {
    transport_ = std::make_unique<tls::TlsTransport>(std::move(socket), std::move(tls));
  } else {
    transport_ = std::make_unique<net::TcpTransport>(std::move(socket));
  }
  owner_.Add(*this);
}

Connection::~Connection() {
  owner_.Remove(*this);
}

void Connection::Start() {
  boost::asio::co_spawn(context_.worker.executor(), Run(), boost::asio::detached);
}

void Connection::BeginDrain() {
  draining_ = true;
  if (exchange_ != nullptr) http1_->CloseAfter();
  if (http2_ != nullptr) http2_->Drain();
}

void Connection::Drain() {
  draining_ = true;
  if (http1_ != nullptr) http1_->Drain();
  if (http2_ != nullptr) http2_->Drain();
  // Nothing has been asked yet.
  if (http1_ == nullptr && http2_ == nullptr) transport_->Cancel();
}

void Connection::Close() {
  draining_ = true;
  if (http2_ != nullptr) http2_->Cancel();
  if (exchange_ != nullptr) exchange_->ClientGone();
  transport_->Cancel();
}

net::Awaitable<void> Connection::Run() {
  const std::shared_ptr<Connection> self = shared_from_this();
  bool http2 = false;
  if (tls_) {
    const bool established = co_await Handshake();
    if (!established) co_return;
    http2 = transport_->alpn() == "h2";
  } else {
    const bool spoken = co_await Peek(http2);
    if (!spoken) co_return;
  }
  if (http2) {
    co_await RunHttp2();
  } else {
    co_await RunHttp1();
  }
}

net::Awaitable<bool> Connection::Handshake() {
  auto& transport = static_cast<tls::TlsTransport&>(*transport_);
  transport.SetDeadline(start_ + Ms(context_.limits().tls_handshake_timeout_ms));
  const net::IoStatus status = co_await transport.Handshake();
  facts_.server_name = std::string(transport.server_name());
  facts_.tls_summary = transport.tls_summary();
  if (status == net::IoStatus::kOk) {
    context_.cells.tls_handshakes.Add(1);
    transport.SetDeadline(net::Clock::time_point::max());
    co_return true;
  }
  Reason reason = transport.failure_reason();
  if (reason == Reason::kNone) reason = status == net::IoStatus::kTimeout ? Reason::kTlsTimeout : Reason::kTlsFailed;
  LogConnection({reason, Phase::kTls});
  transport.Close(false);
  co_return false;
}

net::Awaitable<bool> Connection::Peek(bool& http2) {
  transport_->SetDeadline(start_ + Ms(context_.limits().connection_idle_timeout_ms));
  std::array<char, 4096> bytes;
  for (;;) {
    const net::IoResult read = transport_->TryRead(bytes.data(), early_.empty() ? bytes.size() : kPreface.size());
    if (read.status == net::IoStatus::kWouldBlock) {
      const net::IoStatus waited = co_await transport_->WaitReadable();
      if (waited == net::IoStatus::kOk) continue;
      const bool timeout = waited == net::IoStatus::kTimeout;
      const Reason reason =
          !timeout ? Reason::kClientClosed : (early_.empty() ? Reason::kIdleTimeout : Reason::kHeaderTimeout);
      LogConnection({draining_ ? Reason::kDraining : reason, Phase::kHead});
      break;
    }
    if (read.status != net::IoStatus::kOk) {
      LogConnection({Reason::kClientClosed, Phase::kHead});
      break;
    }
    if (early_.empty()) transport_->SetDeadline(net::Clock::now() + Ms(context_.limits().header_read_timeout_ms));
    early_.append(bytes.data(), read.bytes);
    const std::string_view begun = std::string_view(early_).substr(0, kPreface.size());
    http2 = begun == kPreface;
    // Anything but the beginning of the preface is HTTP/1, for better or worse.
    if (http2 || begun != kPreface.substr(0, begun.size())) {
      if (!http2 && !MayBeHttp1(early_)) {
        LogConnection({Reason::kMalformedRequest, Phase::kHead});
        break;
      }
      transport_->SetDeadline(net::Clock::time_point::max());
      co_return true;
    }
  }
  transport_->Close(false);
  co_return false;
}

net::Awaitable<void> Connection::RunHttp1() {
  http1_ = codec::Http1Server::Create(*transport_, context_.limits(), tls_ ? "https" : "http", early_);
  co_await ServeHttp1();
  http1_.reset();
}

net::Awaitable<void> Connection::ServeHttp1() {
  http::RequestHead request;
  http::ResponseHead response;
  http::Arena arena;
  for (;;) {
    http::Failure refused;
    if (!http1_->TryReadHead(request, arena, refused)) refused = co_await http1_->ReadHead(request, arena);
    if (refused && http::Describe(refused.reason).status == 0) {
      // Idle for too long, or gone between requests: worth a line only when nothing was ever asked.
      if (requests_ == 0) LogConnection(refused);
      break;
    }
    if (refused.reason == Reason::kDraining) break;
    ++requests_;
    if (draining_) http1_->CloseAfter();
    Exchange exchange(context_, facts_, *http1_, request, response, arena);
    exchange_ = &exchange;
    co_await exchange.Run(refused);
    exchange_ = nullptr;
    if (exchange.connection_taken()) co_return;
    if (http1_->TryFinish()) {
      arena.Reset();
      continue;
    }
    const bool again = co_await http1_->Finish();
    if (!again) break;
    arena.Reset();
  }
  transport_->Close(false);
}

net::Awaitable<void> Connection::RunHttp2() {
  http2_ = codec::Http2Server::Create(*transport_, context_.worker.wheel(), context_.limits(), tls_ ? "https" : "http",
                                      early_);
  early_ = {};
  if (draining_) http2_->Drain();
  Http2Requests requests(context_, facts_);
  const http::Failure failure = co_await http2_->Run(requests);
  if (failure) LogConnection(failure);
  http2_.reset();
}

void Connection::LogConnection(http::Failure failure) {
  context_.cells.connection_failures[static_cast<std::size_t>(failure.reason)].Add(1);
  if (!context_.access_log.enabled()) return;
  observe::AccessLogEntry entry;
  entry.request = false;
  entry.port = facts_.port;
  entry.client = facts_.client;
  entry.tls = facts_.tls_summary;
  entry.server_name = facts_.server_name;
  entry.origin = http::Describe(failure.reason).origin;
  entry.phase = failure.phase;
  entry.reason = failure.reason;
  entry.duration_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(net::Clock::now() - start_).count());
  context_.Log(entry);
}

}  // namespace portreeve::proxy
