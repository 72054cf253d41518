// A backend to try the gateway with: it answers each request with a small JSON text that shows what arrived.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::beast::error_code;

constexpr std::uint64_t kMaxBody = 64 << 20;

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

nlohmann::ordered_json Describe(const std::string& name, const http::request<http::string_body>& request) {
  nlohmann::ordered_json seen;
  seen["backend"] = name;
  seen["method"] = std::string(request.method_string());
  seen["target"] = std::string(request.target());
  std::map<std::string, std::string> headers;
  for (const auto& field : request) {
    std::string& all = headers[Lower(std::string(field.name_string()))];
    all += (all.empty() ? "" : ", ") + std::string(field.value());
  }
  seen["headers"] = headers;
  if (!request.body().empty()) seen["body_bytes"] = request.body().size();
  return seen;
}

// Everything runs on one thread.
class Server {
 public:
  Server(asio::io_context& context, std::string name) : context_(context), acceptor_(context), name_(std::move(name)) {}

  error_code Listen(const std::string& address, std::uint16_t port) {
    error_code error;
    const auto ip = asio::ip::make_address(address, error);
    if (error) return error;
    const tcp::endpoint endpoint(ip, port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(4096, error);
    if (!error) asio::co_spawn(context_, Accept(), asio::detached);
    return error;
  }

  // Answers what has begun, and takes nothing more.
  void Stop() {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (tcp::socket* idle : idle_) idle->close(ignored);
  }

 private:
  asio::awaitable<void> Accept() {
    while (!stopping_) {
      error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error) continue;
      socket.set_option(tcp::no_delay(true), error);
      asio::co_spawn(context_, Serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> Serve(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    bool open = true;
    while (open) open = co_await ServeOne(socket, buffer);
    error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  // False: that was the last one on this connection.
  asio::awaitable<bool> ServeOne(tcp::socket& socket, boost::beast::flat_buffer& buffer) {
    error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBody);
    if (!stopping_) idle_.insert(&socket);
    co_await http::async_read_header(socket, buffer, parser, token);
    idle_.erase(&socket);
    if (error) co_return false;
    if (parser.get()[http::field::expect] == "100-continue") {
      const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(socket, asio::buffer(interim), token);
    }
    if (!error) co_await http::async_read(socket, buffer, parser, token);
    if (error) co_return false;
    const auto& request = parser.get();
    const std::string text = Describe(name_, request).dump(2) + "\n";
    http::response<http::string_body> response(http::status::ok, request.version());
    response.set(http::field::content_type, "application/json");
    response.keep_alive(request.keep_alive() && !stopping_);
    response.content_length(text.size());
    if (request.method() != http::verb::head) response.body() = text;
    co_await http::async_write(socket, response, token);
    co_return !error && response.keep_alive();
  }

  asio::io_context& context_;
  tcp::acceptor acceptor_;
  const std::string name_;
  std::set<tcp::socket*> idle_;
  bool stopping_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Answers each request with a JSON text that shows what arrived.", "portreeve-demo-backend");
  std::uint16_t port = 0;
  std::string name = "demo";
  std::string address = "127.0.0.1";
  app.add_option("--port", port, "Port to listen on")->required()->check(CLI::Range(1, 65535));
  app.add_option("--name", name, "Name to answer with")->capture_default_str();
  app.add_option("--address", address, "Address to listen on")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  asio::io_context context(1);
  Server server(context, name);
  if (const error_code error = server.Listen(address, port)) {
    std::fprintf(stderr, "portreeve-demo-backend: can't listen on %s:%d: %s: is something else using it?\n",
                 address.c_str(), port, error.message().c_str());
    return 1;
  }
  std::fprintf(stderr, "%s listens on %s:%d\n", name.c_str(), address.c_str(), port);
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&](const error_code&, int) { server.Stop(); });
  context.run();
  return 0;
}
