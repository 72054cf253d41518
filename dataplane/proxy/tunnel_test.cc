#include "dataplane/proxy/tunnel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <catch2/catch.hpp>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "dataplane/net/tcp_transport.h"

namespace portreeve::proxy {
namespace {

// One end is the tunnel's, on the worker's thread; the other one the test's, with blocking calls.
struct Side {
  explicit Side(net::Worker& worker) {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    REQUIRE(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    peer = fds[1];
    timeval patience{10, 0};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    worker.Call([&] {
      transport = std::make_unique<net::TcpTransport>(
          std::make_unique<net::PolledSocket>(worker.poller(), worker.wheel(), fds[0]));
    });
  }
  // Neither Send nor Read asserts anything, since threads call them.
  bool Send(const std::string& text) const {
    return send(peer, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  void End() const { shutdown(peer, SHUT_WR); }
  // So many bytes, or all until the end.
  std::string Read(std::size_t size = SIZE_MAX) const {
    std::string text;
    char bytes[65536];
    while (text.size() < size) {
      const ssize_t got = read(peer, bytes, std::min(sizeof(bytes), size - text.size()));
      if (got < 0) return "[nothing came]";
      if (got == 0) break;
      text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
  }

  int peer = -1;
  std::unique_ptr<net::TcpTransport> transport;
};

struct RunningWorker : net::Worker {
  RunningWorker() : Worker(0) { Start(); }
};

class Rig {
 public:
  ~Rig() {
    worker_.Call([&] {
      client.transport.reset();
      endpoint.transport.reset();
    });
    for (const int fd : {client.peer, endpoint.peer}) {
      if (fd >= 0) close(fd);
    }
    worker_.Stop();
    worker_.Join();
  }
  void Start(std::string early_in, std::string early_out, std::uint64_t idle_ms) {
    early_in_ = std::move(early_in);
    early_out_ = std::move(early_out);
    worker_.Post([this, idle_ms] {
      boost::asio::co_spawn(worker_.executor(),
                            RunTunnel(worker_, *client.transport, early_in_, *endpoint.transport, early_out_, idle_ms),
                            [this](std::exception_ptr, TunnelResult result) { done_.set_value(result); });
    });
  }
  TunnelResult Result() {
    auto future = done_.get_future();
    REQUIRE(future.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    return future.get();
  }

 private:
  RunningWorker worker_;
  std::string early_in_;
  std::string early_out_;
  std::promise<TunnelResult> done_;

 public:
  Side client{worker_};
  Side endpoint{worker_};
};

constexpr std::uint64_t kLong = 60'000;

}  // namespace

TEST_CASE("what was read before goes first, and an end is passed on alone") {
  Rig rig;
  rig.Start("early ", "hello ", kLong);
  CHECK(rig.client.Send("late"));
  CHECK(rig.endpoint.Send("client"));
  CHECK(rig.endpoint.Read(10) == "early late");
  CHECK(rig.client.Read(12) == "hello client");
  rig.client.End();
  CHECK(rig.endpoint.Read().empty());
  // The other direction goes on.
  CHECK(rig.endpoint.Send("still here"));
  CHECK(rig.client.Read(10) == "still here");
  rig.endpoint.End();
  CHECK(rig.client.Read().empty());
  const TunnelResult result = rig.Result();
  CHECK(result.bytes_in == 10);
  CHECK(result.bytes_out == 22);
  CHECK_FALSE(result.idle_timeout);
}

TEST_CASE("every byte of a large stream comes through, in both directions at once") {
  Rig rig;
  rig.Start("", "", kLong);
  std::string bytes(5'000'000, ' ');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i * 31 % 23);
  bool sent_up = false;
  bool sent_down = false;
  std::thread up([&] {
    sent_up = rig.client.Send(bytes);
    rig.client.End();
  });
  std::thread down([&] {
    sent_down = rig.endpoint.Send(bytes);
    rig.endpoint.End();
  });
  std::string at_client;
  std::thread reader([&] { at_client = rig.client.Read(); });
  CHECK(rig.endpoint.Read() == bytes);
  for (std::thread* thread : {&up, &down, &reader}) thread->join();
  CHECK(sent_up);
  CHECK(sent_down);
  CHECK(at_client == bytes);
  CHECK(rig.Result().bytes_in == bytes.size());
}

TEST_CASE("a tunnel without a byte ends, and both sides see it") {
  Rig rig;
  rig.Start("", "", 50);
  CHECK(rig.client.Read().empty());
  CHECK(rig.endpoint.Read().empty());
  CHECK(rig.Result().idle_timeout);
}

TEST_CASE("a side that breaks takes the other one with it") {
  Rig rig;
  rig.Start("", "", kLong);
  CHECK(rig.client.Send("x"));
  CHECK(rig.endpoint.Read(1) == "x");
  close(rig.endpoint.peer);
  rig.endpoint.peer = -1;
  // What the client sends can't be passed on.
  CHECK(rig.client.Send("y"));
  CHECK(rig.client.Read().empty());
  CHECK_FALSE(rig.Result().idle_timeout);
}

}  // namespace portreeve::proxy
