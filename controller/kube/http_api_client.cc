#include "controller/kube/http_api_client.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <httplib.h>

#include <array>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "common/version.h"
#include "controller/kube/bearer_token.h"
#include "controller/kube/connection.h"

namespace portreeve::kube {
namespace {

constexpr std::size_t kMaxBodyBytes = 512 * 1024 * 1024;  // of an answer that is kept whole; a page of a list is less
constexpr std::size_t kMaxErrorBytes = 64 * 1024;
// httplib matches the status line by a regular expression that recurses for each of its bytes.
constexpr std::size_t kMaxStatusLine = 128;
constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::size_t kMaxIdle = 32;

struct ServerUrl {
  bool tls = true;
  std::string host;
  int port = 443;
  std::string host_header;
  std::string path;  // in front of every request's, without a slash at its end
};

absl::StatusOr<ServerUrl> ParseUrl(const std::string& url) {
  const absl::Status refused =
      absl::InvalidArgumentError(absl::StrCat("server: \"", url, "\" is no URL; write https://HOST:PORT"));
  ServerUrl result;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    result.tls = false;
    result.port = 80;
  } else {
    return refused;
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  result.path = rest.substr(slash);
  while (result.path.ends_with('/')) result.path.pop_back();
  const std::string_view authority = rest.substr(0, slash);
  result.host_header = authority;
  const bool bracketed = authority.starts_with('[');
  const std::size_t host_end = bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos) return refused;
  result.host = bracketed ? authority.substr(1, host_end - 1) : authority.substr(0, host_end);
  std::string_view port = authority.substr(bracketed ? host_end + 1 : host_end);
  if (!port.empty() && (!port.starts_with(':') || !absl::SimpleAtoi(std::string(port.substr(1)), &result.port) ||
                        result.port < 1 || result.port > 65535)) {
    return refused;
  }
  constexpr std::string_view kForbidden = "@?# \t\r\n";
  if (result.host.empty() || url.find_first_of(kForbidden) != std::string::npos) return refused;
  return result;
}

// httplib's framing, over a stream of our own.
class Framing final : public httplib::ClientImpl {
 public:
  using ClientImpl::ClientImpl;
  using ClientImpl::process_request;
};

// What httplib reads from and writes to. Guards what it doesn't: the size of the head, and time.
class ConnectionStream final : public httplib::Stream {
 public:
  // The head must be there by `deadline`; the body too if `pause` is zero, or else it may come as slowly as one byte in
  // each `pause`.
  ConnectionStream(Connection& connection, Clock::time_point deadline, std::chrono::milliseconds pause)
      : connection_(connection), deadline_(deadline), pause_(pause) {}

  void EndHead() { in_head_ = false; }
  bool answered() const { return answered_; }
  // The first thing that went wrong.
  const absl::Status& status() const { return status_; }
  bool drained() const { return begin_ == end_; }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }

  ssize_t read(char* to, std::size_t size) override {
    if (begin_ == end_) {
      const Clock::time_point deadline = in_head_ || pause_.count() == 0 ? deadline_ : Clock::now() + pause_;
      auto got = connection_.Read(buffer_.data(), buffer_.size(), deadline);
      if (!got.ok()) return Fail(got.status());
      if (*got == 0) return Fail(absl::UnavailableError("the server closed the connection"), 0);
      answered_ = true;
      begin_ = 0;
      end_ = *got;
    }
    const std::size_t count = std::min(size, end_ - begin_);
    if (in_head_ && !CheckHead(std::string_view(buffer_.data() + begin_, count))) {
      return Fail(absl::UnavailableError("the head of the answer is too large"));
    }
    std::copy_n(buffer_.data() + begin_, count, to);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* bytes, std::size_t size) override {
    absl::Status status = connection_.Write({bytes, size}, deadline_);
    return status.ok() ? static_cast<ssize_t>(size) : Fail(std::move(status));
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  ssize_t Fail(absl::Status status, ssize_t result = -1) {
    if (status_.ok()) status_ = std::move(status);
    return result;
  }

  bool CheckHead(std::string_view bytes) {
    head_bytes_ += bytes.size();
    if (!past_first_line_) past_first_line_ = bytes.find('\n') != std::string_view::npos;
    return head_bytes_ <= (past_first_line_ ? kMaxHead : kMaxStatusLine);
  }

  Connection& connection_;
  const Clock::time_point deadline_;
  const std::chrono::milliseconds pause_;
  absl::Status status_;
  bool in_head_ = true;
  bool past_first_line_ = false;
  bool answered_ = false;
  std::size_t head_bytes_ = 0;
  std::array<char, 16 * 1024> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

std::optional<std::chrono::seconds> RetryAfter(const httplib::Response& response) {
  int seconds = 0;
  if (!absl::SimpleAtoi(response.get_header_value("Retry-After"), &seconds) || seconds < 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace

struct HttpApiClient::State {
  State(ServerOptions given, ServerUrl parsed)
      : options(std::move(given)),
        url(std::move(parsed)),
        fixed_token(options.token),
        file_token(options.token_file, kTokenAge) {}

  BearerToken& token() { return options.token_file.empty() ? fixed_token : file_token; }

  // A kept connection, or null.
  std::unique_ptr<Connection> TakeIdle() {
    std::vector<std::unique_ptr<Connection>> closed;  // outside the lock
    const std::lock_guard lock(mutex);
    while (!idle.empty()) {
      Idle last = std::move(idle.back());
      idle.pop_back();
      if (Clock::now() - last.since < kIdleAge && last.connection->idle()) return std::move(last.connection);
      closed.push_back(std::move(last.connection));
    }
    return nullptr;
  }

  void Keep(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex);
    if (idle.size() < kMaxIdle && !cancel.is_set()) idle.push_back({std::move(connection), Clock::now()});
  }

  const ServerOptions options;
  const ServerUrl url;
  std::shared_ptr<const TlsContext> tls;
  CancelSignal cancel;
  BearerToken fixed_token;
  BearerToken file_token;

  struct Idle {
    std::unique_ptr<Connection> connection;
    Clock::time_point since;
  };
  std::mutex mutex;
  std::vector<Idle> idle;
};

// A request under way, perhaps for the second time.
struct HttpApiClient::Call {
  const ApiRequest& request;
  const std::function<bool(std::string_view)>* on_bytes;
  Clock::time_point deadline;
  SecretBytes token;
  bool stopped = false;  // on_bytes has had enough

  httplib::Request NewRequest(const State& state) const {
    httplib::Request http;
    http.method = request.method;
    http.path = state.url.path + request.path;
    http.body = request.body;
    http.headers = {{"Host", state.url.host_header},
                    {"Accept", "application/json"},
                    {"User-Agent", absl::StrCat("portreeve/", std::string(kVersion))}};
    if (!request.content_type.empty()) http.headers.emplace("Content-Type", request.content_type);
    if (!token.Reveal().empty()) http.headers.emplace("Authorization", "Bearer " + std::string(token.Reveal()));
    return http;
  }

  bool Take(httplib::Response& head, ApiResponse& answer, std::string_view bytes) {
    const bool good = head.status >= 200 && head.status < 300;
    if (good && on_bytes != nullptr) {
      stopped = !(*on_bytes)(bytes);
      return !stopped;
    }
    const std::size_t limit = good ? kMaxBodyBytes : kMaxErrorBytes;
    if (answer.body.size() + bytes.size() > limit) return false;
    answer.body.append(bytes);
    return true;
  }

  // The connection may be used again if `reusable` says so afterwards; `answered`: a byte has come.
  absl::StatusOr<ApiResponse> RunOn(State& state, Connection& connection, bool* answered, bool* reusable) {
    const auto pause = on_bytes != nullptr ? request.deadline : std::chrono::milliseconds(0);
    ConnectionStream stream(connection, deadline, pause);
    ApiResponse answer;
    httplib::Response http_response;
    httplib::Request http_request = NewRequest(state);
    http_request.response_handler = [&](const httplib::Response&) {
      stream.EndHead();
      return true;
    };
    http_request.content_receiver = [&](const char* bytes, std::size_t size, std::uint64_t, std::uint64_t) {
      return Take(http_response, answer, {bytes, size});
    };
    Framing framing(state.url.host, state.url.port);
    framing.set_decompress(false);
    framing.set_url_encode(false);
    auto error = httplib::Error::Success;
    const bool done = framing.process_request(stream, http_request, http_response, false, error);
    *answered = stream.answered();
    // A body that ends with the connection can't be told from one that was cut off.
    const bool framed = http_response.has_header("Content-Length") || http_response.has_header("Transfer-Encoding") ||
                        http_response.status == 204 || request.method == "HEAD";
    *reusable = done && framed && stream.drained() && http_response.version == "HTTP/1.1" &&
                !absl::EqualsIgnoreCase(http_response.get_header_value("Connection"), "close");
    answer.status = http_response.status;
    answer.retry_after = RetryAfter(http_response);
    if (stopped || (done && (framed || !answer.ok()))) return answer;
    if (state.cancel.is_set()) return absl::CancelledError("cancelled");
    if (!stream.status().ok()) return stream.status();
    return absl::UnavailableError(error == httplib::Error::Canceled ? "the answer is too large"
                                                                    : "the answer is broken HTTP");
  }
};

HttpApiClient::HttpApiClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpApiClient::~HttpApiClient() = default;

absl::StatusOr<std::unique_ptr<HttpApiClient>> HttpApiClient::Create(ServerOptions options) {
  auto url = ParseUrl(options.url);
  if (!url.ok()) return url.status();
  if (options.token.Reveal().find_first_of("\r\n") != std::string_view::npos) {
    return absl::InvalidArgumentError("token: must be one line");
  }
  auto state = std::make_unique<State>(std::move(options), *std::move(url));
  if (state->url.tls) {
    TlsSettings settings;
    settings.ca_pem = state->options.ca_pem;
    settings.client_certificate_pem = state->options.client_certificate_pem;
    settings.client_key_pem = state->options.client_key_pem;
    settings.server_name = state->options.tls_server_name.empty() ? state->url.host : state->options.tls_server_name;
    settings.insecure = state->options.insecure;
    auto tls = TlsContext::Create(settings);
    if (!tls.ok()) return tls.status();
    state->tls = *std::move(tls);
  }
  if (absl::Status read = state->token().Reload(); !read.ok()) return read;
  return std::unique_ptr<HttpApiClient>(new HttpApiClient(std::move(state)));
}

absl::StatusOr<ApiResponse> HttpApiClient::Send(const ApiRequest& request) {
  return Run(request, nullptr);
}

absl::StatusOr<ApiResponse> HttpApiClient::Stream(const ApiRequest& request,
                                                  const std::function<bool(std::string_view)>& on_bytes) {
  return Run(request, &on_bytes);
}

void HttpApiClient::Cancel() {
  state_->cancel.Set();
}

absl::StatusOr<ApiResponse> HttpApiClient::Run(const ApiRequest& request,
                                               const std::function<bool(std::string_view)>* on_bytes) {
  const std::chrono::milliseconds time =
      on_bytes == nullptr ? request.deadline : std::min<std::chrono::milliseconds>(request.deadline, kHeadTime);
  Call call{request, on_bytes, Clock::now() + time, state_->token().Get()};
  auto answer = RunWithToken(call);
  if (!answer.ok() || answer->status != 401 || !state_->token().Reload().ok()) return answer;
  SecretBytes fresh = state_->token().Get();
  if (fresh == call.token) return answer;
  call.token = std::move(fresh);
  return RunWithToken(call);
}

absl::StatusOr<ApiResponse> HttpApiClient::RunWithToken(Call& call) {
  State& state = *state_;
  while (true) {
    if (state.cancel.is_set()) return absl::CancelledError("cancelled");
    std::unique_ptr<Connection> connection = state.TakeIdle();
    const bool kept = connection != nullptr;
    if (!kept) {
      auto opened = Connection::Open(state.url.host, state.url.port, state.tls, state.cancel, call.deadline);
      if (!opened.ok()) return opened.status();
      connection = *std::move(opened);
    }
    bool answered = false;
    bool reusable = false;
    auto answer = call.RunOn(state, *connection, &answered, &reusable);
    if (reusable) state.Keep(std::move(connection));
    // The server may have closed a kept connection while the request was on its way. What changes something isn't sent
    // again: it may have been done.
    const bool again = kept && !answered && call.request.method == "GET" && absl::IsUnavailable(answer.status());
    if (!again) return answer;
  }
}

}  // namespace portreeve::kube
