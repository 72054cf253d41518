// The admin port: health, metrics and what else an operator asks a program of ours.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace portreeve {

struct AdminAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// A small HTTP server with threads of its own; nothing it does touches a worker. GET only.
class AdminServer {
 public:
  using Handler = std::function<AdminAnswer()>;

  // `address`: "127.0.0.1:9901", "[::1]:0" (any free port), "0.0.0.0:9901".
  static absl::StatusOr<std::unique_ptr<AdminServer>> Create(std::string_view address);
  ~AdminServer();

  // Before Start. Called from the server's threads.
  void Handle(const std::string& path, Handler handler);
  void Start();
  int port() const;

 private:
  struct State;
  explicit AdminServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace portreeve
