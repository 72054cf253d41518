#include "dataplane/proxy/tunnel.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "dataplane/net/wait_slot.h"
#include "dataplane/net/yield.h"

namespace portreeve::proxy {
namespace {

constexpr std::size_t kCopyBytes = 16 * 1024;
// Before others have their turn: a megabyte.
constexpr int kCopiesPerTurn = 64;

// Lives in RunTunnel's frame, which waits for both directions.
class Tunnel final : private net::Deadline {
 public:
  Tunnel(net::Worker& worker, net::Transport& client, net::Transport& endpoint, std::chrono::milliseconds idle)
      : Deadline(worker.wheel()), worker_(worker), client_(client), endpoint_(endpoint), idle_(idle) {
    client_.SetDeadline(net::Clock::time_point::max());
    endpoint_.SetDeadline(net::Clock::time_point::max());
    Touch();
  }

  net::Awaitable<void> Run(std::string early_in, std::string early_out) {
    boost::asio::co_spawn(worker_.executor(), CopyBack(std::move(early_out)), boost::asio::detached);
    co_await Copy(client_, endpoint_, std::move(early_in), result_.bytes_in);
    if (back_running_) co_await back_done_.Wait();
    Disarm();
    *over_ = true;
    client_.Close(false);
    endpoint_.Close(false);
  }

  const TunnelResult& result() const { return result_; }

 private:
  void Touch() { Arm(worker_.wheel().now() + idle_); }

  void OnDeadline() override {
    result_.idle_timeout = true;
    Break();
  }

  // A cancelled copy goes on before Cancel returns, and all may be over by then.
  void Break() {
    broken_ = true;
    const std::shared_ptr<const bool> over = over_;
    client_.Cancel();
    if (!*over) endpoint_.Cancel();
  }

  net::Awaitable<void> CopyBack(std::string early) {
    co_await Copy(endpoint_, client_, std::move(early), result_.bytes_out);
    back_running_ = false;
    back_done_.Resume(net::IoStatus::kOk);
  }

  net::Awaitable<void> Copy(net::Transport& from, net::Transport& to, std::string early, std::uint64_t& bytes) {
    if (!early.empty()) {
      if (co_await net::WriteAll(to, early) != net::IoStatus::kOk) {
        Break();
        co_return;
      }
      bytes += early.size();
    }
    const auto buffer = std::make_unique<char[]>(kCopyBytes);
    for (int copies = 1;; ++copies) {
      if (copies % kCopiesPerTurn == 0) co_await net::Yield(worker_.executor());
      // While nothing was waited for, there was nothing to cancel.
      if (broken_) co_return;
      const net::IoResult read = from.TryRead(buffer.get(), kCopyBytes);
      if (read.status == net::IoStatus::kWouldBlock) {
        if (co_await from.WaitReadable() != net::IoStatus::kOk) break;
        continue;
      }
      if (read.status == net::IoStatus::kClosed) {
        to.CloseSend();
        co_return;
      }
      if (read.status != net::IoStatus::kOk) break;
      Touch();
      if (co_await net::WriteAll(to, std::string_view(buffer.get(), read.bytes)) != net::IoStatus::kOk) break;
      bytes += read.bytes;
      Touch();
    }
    Break();
  }

  net::Worker& worker_;
  net::Transport& client_;
  net::Transport& endpoint_;
  std::chrono::milliseconds idle_;
  TunnelResult result_;
  bool back_running_ = true;
  bool broken_ = false;
  std::shared_ptr<bool> over_ = std::make_shared<bool>(false);
  net::WaitSlot back_done_;
};

}  // namespace

net::Awaitable<TunnelResult> RunTunnel(net::Worker& worker, net::Transport& client, std::string_view early_in,
                                       net::Transport& endpoint, std::string_view early_out, std::uint64_t idle_ms) {
  Tunnel tunnel(worker, client, endpoint, std::chrono::milliseconds(idle_ms));
  co_await tunnel.Run(std::string(early_in), std::string(early_out));
  co_return tunnel.result();
}

}  // namespace portreeve::proxy
