#include "controller/kube/http_api_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "controller/kube/fault_api_server.h"
#include "controller/kube/test_certificates.h"

namespace portreeve::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using Seen = FaultApiServer::Seen;
using Fault = FaultApiServer::Fault;

const std::string kPods = "/api/v1/pods";

std::unique_ptr<HttpApiClient> NewClient(const ServerOptions& options) {
  auto client = HttpApiClient::Create(options);
  INFO(client.status());
  REQUIRE(client.ok());
  return *std::move(client);
}

ApiRequest Get(const std::string& path, milliseconds deadline = milliseconds(20'000)) {
  ApiRequest request;
  request.path = path;
  request.deadline = deadline;
  return request;
}

json Named(const std::string& name) {
  return {{"metadata", {{"name", name}, {"namespace", "ns"}}}};
}

// Accepts connections on a port of its own and gives each to `serve`, one after the other, until the end.
class RawServer {
 public:
  explicit RawServer(std::function<void(int fd)> serve) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_, 16) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      while (true) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        serve(fd);
        close(fd);
      }
    });
  }
  ~RawServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  ServerOptions Client() const {
    ServerOptions options;
    options.url = "http://127.0.0.1:" + std::to_string(port_);
    return options;
  }

  // Reads a request's head; false at the end.
  static bool ReadHead(int fd) {
    std::string head;
    char byte = 0;
    while (!head.ends_with("\r\n\r\n")) {
      if (recv(fd, &byte, 1, 0) != 1) return false;
      head += byte;
    }
    return true;
  }
  static void Send(int fd, const std::string& bytes) {
    if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return;
  }

 private:
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

TEST_CASE("Objects are made, read, patched and deleted, in the clear and over TLS") {
  FaultApiServer::Options options;
  options.tls = GENERATE(false, true);
  options.client_certificate = options.tls;
  options.token = "sesame";
  FaultApiServer server(options);
  server.Serve(kPods);
  const auto client = NewClient(server.Client());

  ApiRequest post = Get("/api/v1/namespaces/ns/pods");
  post.method = "POST";
  post.content_type = "application/json";
  post.body = Named("a").dump();
  auto answer = client->Send(post);
  INFO(answer.status());
  REQUIRE(answer.ok());
  CHECK(answer->status == 201);

  answer = client->Send(Get("/api/v1/namespaces/ns/pods/a"));
  REQUIRE(answer.ok());
  CHECK(json::parse(answer->body)["metadata"]["name"] == "a");

  ApiRequest patch = Get("/api/v1/namespaces/ns/pods/a");
  patch.method = "PATCH";
  patch.content_type = "application/merge-patch+json";
  patch.body = json{{"spec", {{"big", std::string(300'000, 'x')}}}}.dump();
  answer = client->Send(patch);
  REQUIRE(answer.ok());
  CHECK(answer->status == 200);
  CHECK(server.Get(kPods, "ns", "a")["spec"]["big"].get<std::string>().size() == 300'000);

  ApiRequest remove = Get("/api/v1/namespaces/ns/pods/a");
  remove.method = "DELETE";
  CHECK(client->Send(remove)->status == 200);
  answer = client->Send(Get("/api/v1/namespaces/ns/pods/a"));
  CHECK(answer->status == 404);
  CHECK_FALSE(answer->ok());
  CHECK(ReasonOf(*answer) == "not found");
}

// Does something when the watch is there; the test's own thread is in it then.
class Meanwhile {
 public:
  explicit Meanwhile(std::function<void()> run) : thread_(std::move(run)) {}
  ~Meanwhile() { thread_.join(); }

 private:
  std::thread thread_;
};

TEST_CASE("A stream gives bytes as they come, until it ends or the receiver has enough") {
  FaultApiServer::Options options;
  options.tls = GENERATE(false, true);
  const bool enough = GENERATE(false, true);
  FaultApiServer server(options);
  server.Serve(kPods);
  const auto client = NewClient(server.Client());
  Meanwhile first([&] {
    Eventually([&] { return server.Watches(kPods) == 1; });
    server.SendRaw(kPods, "first\n");
  });
  std::string seen;
  const auto answer = client->Stream(Get(kPods + "?watch=true&resourceVersion=0"), [&](std::string_view bytes) {
    seen += bytes;
    if (seen == "first\n") server.SendRaw(kPods, "second\n");
    if (seen == "first\nsecond\n") server.EndWatches(true);
    return !enough;
  });
  INFO(answer.status());
  REQUIRE(answer.ok());
  CHECK(answer->status == 200);
  CHECK(seen == (enough ? "first\n" : "first\nsecond\n"));
}

TEST_CASE("A stream that is cut off, or silent for too long, is an error; a refusal comes with its body") {
  FaultApiServer server;
  server.Serve(kPods);
  const auto client = NewClient(server.Client());
  const auto ignore = [](std::string_view) { return true; };
  {
    Meanwhile cut([&] {
      Eventually([&] { return server.Watches(kPods) == 1; });
      server.EndWatches(false);
    });
    CHECK(absl::IsUnavailable(client->Stream(Get(kPods + "?watch=true&resourceVersion=0"), ignore).status()));
  }
  const auto silent = client->Stream(Get(kPods + "?watch=true&resourceVersion=0", milliseconds(50)), ignore);
  CHECK(absl::IsDeadlineExceeded(silent.status()));

  server.SetFault([](const Seen&) { return Fault{.status = 403, .message = "pods is forbidden"}; });
  std::string seen;
  const auto refused = client->Stream(Get(kPods + "?watch=true"), [&](std::string_view bytes) {
    seen += bytes;
    return true;
  });
  REQUIRE(refused.ok());
  CHECK(refused->status == 403);
  CHECK(ReasonOf(*refused) == "pods is forbidden");
  CHECK(seen.empty());
}

TEST_CASE("Who asks for time says how much") {
  FaultApiServer server;
  const auto client = NewClient(server.Client());
  server.SetFault([](const Seen&) { return Fault{.status = 429, .retry_after = "7"}; });
  auto answer = client->Send(Get(kPods));
  REQUIRE(answer.ok());
  CHECK(answer->status == 429);
  CHECK(answer->retry_after == std::chrono::seconds(7));
  server.SetFault([](const Seen&) { return Fault{.status = 503, .retry_after = "soon"}; });
  CHECK_FALSE(client->Send(Get(kPods))->retry_after);
}

TEST_CASE("An answer that is cut off is no answer") {
  FaultApiServer server;
  const auto client = NewClient(server.Client());
  server.SetFault([](const Seen&) { return Fault{.cut = true}; });
  CHECK(absl::IsUnavailable(client->Send(Get(kPods)).status()));
}

TEST_CASE("A call ends at its deadline, whatever the server does") {
  SECTION("says nothing") {
    const bool tls = GENERATE(false, true);
    FaultApiServer::Options options;
    options.tls = tls;
    FaultApiServer server(options);
    server.SetFault([](const Seen&) { return Fault{.hang = true}; });
    const auto client = NewClient(server.Client());
    CHECK(absl::IsDeadlineExceeded(client->Send(Get(kPods, milliseconds(100))).status()));
  }
  SECTION("says nothing where TLS is spoken") {
    RawServer server([](int fd) { RawServer::ReadHead(fd); });
    ServerOptions options = server.Client();
    options.url.replace(0, 4, "https");
    CHECK(absl::IsDeadlineExceeded(NewClient(options)->Send(Get(kPods, milliseconds(100))).status()));
  }
  SECTION("drips") {
    const std::string head = GENERATE("HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    RawServer server([&](int fd) {
      RawServer::ReadHead(fd);
      RawServer::Send(fd, head);
      pollfd closed{fd, POLLRDHUP, 0};
      while (poll(&closed, 1, 5) == 0) RawServer::Send(fd, "x");
    });
    CHECK(absl::IsDeadlineExceeded(NewClient(server.Client())->Send(Get(kPods, milliseconds(200))).status()));
  }
}

TEST_CASE("A head that is no head ends the call, not the process") {
  for (const std::string& head :
       {std::string(1'000'000, 'x'), "HTTP/1.1 200 " + std::string(1'000'000, 'y') + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: " + std::string(1'000'000, 'z') + "\r\n\r\n", std::string("SSH-2.0-x\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"), std::string()}) {
    RawServer server([&](int fd) {
      if (RawServer::ReadHead(fd)) RawServer::Send(fd, head);
    });
    const auto answer = NewClient(server.Client())->Send(Get(kPods, milliseconds(5'000)));
    INFO(head.substr(0, 30));
    CHECK(absl::IsUnavailable(answer.status()));
  }
}

TEST_CASE("Cancel ends every call under way, and refuses later ones") {
  const bool tls = GENERATE(false, true);
  FaultApiServer::Options options;
  options.tls = tls;
  FaultApiServer server(options);
  server.Serve(kPods);
  server.SetFault([](const Seen& seen) { return Fault{.hang = !seen.watch}; });
  const auto client = NewClient(server.Client());
  absl::Status sent;
  absl::Status streamed;
  {
    Meanwhile send([&] { sent = client->Send(Get(kPods)).status(); });
    Meanwhile stream([&] {
      streamed =
          client->Stream(Get(kPods + "?watch=true&resourceVersion=0"), [](std::string_view) { return true; }).status();
    });
    CHECK(Eventually([&] { return server.Requests().size() == 2 && server.Watches(kPods) == 1; }));
    client->Cancel();
  }
  CHECK(absl::IsCancelled(sent));
  CHECK(absl::IsCancelled(streamed));
  CHECK(absl::IsCancelled(client->Send(Get(kPods)).status()));
  client->Cancel();
}

TEST_CASE("Cancel ends a call that is only connecting") {
  // A full backlog: the kernel takes no more.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  REQUIRE(listen(listener, 0) == 0);
  std::vector<int> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (connect(others.back(), reinterpret_cast<sockaddr*>(&address), size) != 0) REQUIRE(errno == EINPROGRESS);
  }
  ServerOptions options;
  options.url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto client = NewClient(options);
  CHECK(absl::IsDeadlineExceeded(client->Send(Get(kPods, milliseconds(100))).status()));
  absl::Status status;
  std::atomic<bool> started = false;
  {
    Meanwhile send([&] {
      started = true;
      status = client->Send(Get(kPods)).status();
    });
    CHECK(Eventually([&] { return started.load(); }));
    client->Cancel();
  }
  CHECK(absl::IsCancelled(status));
  for (const int fd : others) close(fd);
  close(listener);
}

TEST_CASE("Connections are kept, and a dead one is replaced without a word") {
  // A server that closes after so many answers closes now and then just when the next request is on its way.
  const int answers = GENERATE(100, 1);
  std::atomic<int> connections = 0;
  RawServer server([&](int fd) {
    ++connections;
    for (int i = 0; i < answers && RawServer::ReadHead(fd); ++i) {
      RawServer::Send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    }
  });
  const auto client = NewClient(server.Client());
  for (int i = 0; i < 50; ++i) {
    const auto answer = client->Send(Get(kPods));
    INFO(answer.status());
    REQUIRE(answer.ok());
    CHECK(answer->body == "{}");
  }
  CHECK(connections == 50 / std::min(answers, 50));
}

TEST_CASE("A peer that is gone raises no signal") {
  struct sigaction fatal{};
  struct sigaction before{};
  fatal.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &fatal, &before);
  {
    RawServer server([](int fd) {
      linger reset{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    });
    ApiRequest request = Get(kPods);
    request.method = "POST";
    request.body = std::string(8'000'000, 'x');
    for (int i = 0; i < 20; ++i) CHECK(absl::IsUnavailable(NewClient(server.Client())->Send(request).status()));
  }
  sigaction(SIGPIPE, &before, nullptr);
}

// --- who is who -----------------------------------------------------------------------------------------------------

TEST_CASE("Only the given authority is trusted, and only for the right name") {
  FaultApiServer::Options options;
  options.tls = true;
  FaultApiServer server(options);
  server.Serve(kPods);
  ServerOptions client = server.Client();
  SECTION("another authority") {
    client.ca_pem = TestCertificate::Authority("another").pem();
    const auto status = NewClient(client)->Send(Get(kPods)).status();
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(std::string(status.message()).starts_with("the certificate of the server isn't right for 127.0.0.1: "));
  }
  SECTION("the system's authorities don't count beside it") {
    // They would, if the authority stood in the folder that OpenSSL looks into.
    const std::string file = "/tmp/kube-test-roots-" + std::to_string(getpid());
    std::ofstream(file) << client.ca_pem;
    setenv("SSL_CERT_FILE", file.c_str(), 1);
    const std::string ca = std::exchange(client.ca_pem, "");
    CHECK(NewClient(client)->Send(Get(kPods)).ok());
    client.ca_pem = TestCertificate::Authority("another").pem();
    CHECK(absl::IsFailedPrecondition(NewClient(client)->Send(Get(kPods)).status()));
    unsetenv("SSL_CERT_FILE");
    unlink(file.c_str());
  }
  SECTION("several authorities, with text around them") {
    client.ca_pem = "# one\n" + TestCertificate::Authority("another").pem() + "# two\n" + client.ca_pem;
    CHECK(NewClient(client)->Send(Get(kPods)).ok());
  }
  SECTION("another name") {
    client.tls_server_name = "elsewhere.test";
    const auto status = NewClient(client)->Send(Get(kPods)).status();
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(std::string(status.message()).find("elsewhere.test") != std::string::npos);
  }
  SECTION("the name in the certificate, though the address is another") {
    client.tls_server_name = "api.test";
    CHECK(NewClient(client)->Send(Get(kPods)).ok());
  }
  SECTION("told to be insecure") {
    client.ca_pem.clear();
    client.insecure = true;
    CHECK(NewClient(client)->Send(Get(kPods)).ok());
  }
}

TEST_CASE("A client certificate is shown; without one the server refuses") {
  FaultApiServer::Options options;
  options.tls = true;
  options.client_certificate = true;
  FaultApiServer server(options);
  server.Serve(kPods);
  ServerOptions client = server.Client();
  CHECK(NewClient(client)->Send(Get(kPods)).ok());
  client.client_certificate_pem.clear();
  client.client_key_pem = SecretBytes();
  CHECK(absl::IsUnavailable(NewClient(client)->Send(Get(kPods)).status()));
}

TEST_CASE("Options that can't be right are refused at once, without quoting secrets") {
  const TestCertificate authority = TestCertificate::Authority("a");
  const TestCertificate one = authority.Sign("one", "");
  const TestCertificate other = authority.Sign("other", "");
  const auto refusal = [](ServerOptions options) {
    if (options.url.empty()) options.url = "https://127.0.0.1:1";
    const auto client = HttpApiClient::Create(options);
    REQUIRE_FALSE(client.ok());
    CHECK(std::string(client.status().message()).find("hunter2") == std::string::npos);
    return std::string(client.status().message());
  };
  ServerOptions options;
  for (const char* url : {"127.0.0.1", "ftp://x", "https://", "https://x:0", "https://x:99999", "https://x:y",
                          "https://user:hunter3@x", "https://x?y", "https://[::1"}) {
    options.url = url;
    CHECK(refusal(options).find("write https://HOST:PORT") != std::string::npos);
  }
  options.url.clear();
  options.ca_pem = "hunter2";
  CHECK(refusal(options).find("certificate authority") != std::string::npos);
  options.ca_pem.clear();
  options.client_certificate_pem = one.pem();
  options.client_key_pem = SecretBytes("hunter2");
  CHECK(refusal(options).find("client key") != std::string::npos);
  options.client_key_pem = SecretBytes(other.key_pem());
  CHECK(refusal(options) == "the client key doesn't belong to the client certificate");
  options.client_key_pem = SecretBytes();
  CHECK(refusal(options).find("client key") != std::string::npos);
  options = ServerOptions();
  options.token = SecretBytes("hunter2\r\nX: y");
  CHECK(refusal(options) == "token: must be one line");
  options = ServerOptions();
  options.token_file = "/nowhere/token";
  CHECK(refusal(options).find("/nowhere/token") != std::string::npos);
}

TEST_CASE("A token that was replaced is read again when the server no longer takes the old one") {
  FaultApiServer::Options options;
  options.token = "new";
  FaultApiServer server(options);
  server.Serve(kPods);
  const std::string file = "/tmp/kube-test-token-" + std::to_string(getpid());
  std::ofstream(file) << "old\n";
  ServerOptions client_options = server.Client();
  client_options.token = SecretBytes();
  client_options.token_file = file;
  const auto client = NewClient(client_options);
  CHECK(client->Send(Get(kPods))->status == 401);
  CHECK(server.Requests().size() == 1);  // the same token isn't sent twice
  std::ofstream(file) << "new\n";
  CHECK(client->Send(Get(kPods))->status == 200);
  // A file that can't be read for a moment takes nothing away.
  unlink(file.c_str());
  CHECK(client->Send(Get(kPods))->status == 200);
}

TEST_CASE("A server behind a path is reached there") {
  FaultApiServer server;
  server.SetFault([](const Seen&) { return Fault{.status = 418}; });
  ServerOptions options = server.Client();
  options.url += "/k8s/clusters/c-1/";
  CHECK(NewClient(options)->Send(Get("/api/v1/pods"))->status == 418);
  CHECK(server.Requests().at(0).collection.starts_with("/k8s/clusters"));
}

TEST_CASE("A name that nobody knows is said, by the deadline") {
  ServerOptions options;
  options.url = "http://nobody.invalid:1";
  const auto status = NewClient(options)->Send(Get(kPods, milliseconds(5'000))).status();
  CHECK_FALSE(status.ok());
}

}  // namespace
}  // namespace portreeve::kube
