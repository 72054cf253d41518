#include "dataplane/proxy/request_pump.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>

#include "dataplane/net/yield.h"

namespace portreeve::proxy {
namespace {

// Pieces that are carried before others have their turn: a megabyte.
constexpr int kPiecesPerTurn = 64;

}  // namespace

void RequestPump::Start(codec::Http1Client& client) {
  client_ = &client;
  last_sent_ = net::Clock::now();
  started_ = running_ = true;
  boost::asio::co_spawn(worker_.executor(), Run(), boost::asio::detached);
}

net::Awaitable<void> RequestPump::Run() {
  for (int pieces = 1;; ++pieces) {
    if (pieces % kPiecesPerTurn == 0) co_await net::Yield(worker_.executor());
    codec::BodyPiece piece;
    if (!stream_.TryReadBody(piece)) piece = co_await stream_.ReadBody();
    bytes_ += piece.bytes.size();
    if (piece.failure) {
      read_failure_ = piece.failure;
      // Never forwarded as complete: the connection upstream ends without the end of the message.
      if (!discard_) client_->transport().Cancel();
      break;
    }
    if (discard_) {
      if (!piece.end) co_await Discard(piece.bytes.size());
      break;
    }
    http::Failure failure;
    if (!client_->TrySendBody(piece.bytes, piece.end, failure)) {
      failure = co_await client_->SendBody(piece.bytes, piece.end);
    }
    // The endpoint takes no more: it may have answered already, which the exchange sees.
    if (failure) break;
    last_sent_ = net::Clock::now();
    if (piece.end) {
      complete_ = true;
      break;
    }
  }
  running_ = false;
  done_.Resume(net::IoStatus::kOk);
}

net::Awaitable<void> RequestPump::Discard(std::size_t already) {
  std::size_t dropped = already;
  while (dropped < kMaxDiscarded) {
    codec::BodyPiece piece;
    if (!stream_.TryReadBody(piece)) piece = co_await stream_.ReadBody();
    if (piece.failure || piece.end) break;
    dropped += piece.bytes.size();
  }
}

void RequestPump::Detach() {
  if (!running_ || discard_) return;
  discard_ = true;
  // A send that waits goes on right here, and ends: waiters are resumed before Cancel returns.
  client_->transport().Cancel();
}

net::Awaitable<void> RequestPump::Join() {
  if (!running_) co_return;
  Detach();
  worker_.wheel().Refresh();
  Arm(worker_.wheel().now() + std::chrono::seconds(1));
  if (running_) co_await done_.Wait();
  Disarm();
}

}  // namespace portreeve::proxy
