#include "common/admin_server.h"

#include <absl/status/status.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <httplib.h>

#include <thread>
#include <utility>

namespace portreeve {

struct AdminServer::State {
  httplib::Server server;
  std::thread thread;
  int port = 0;
};

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Create(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string_view::npos || !absl::SimpleAtoi(std::string(address.substr(colon + 1)), &port) || port < 0 ||
      port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("--admin: \"", std::string(address),
                     "\" is no ADDRESS:PORT; write 127.0.0.1:9901, or port 0 for any free one"));
  }
  std::string host(address.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  auto state = std::make_unique<State>();
  state->server.new_task_queue = [] { return new httplib::ThreadPool(2); };
  state->server.set_keep_alive_max_count(1);
  // Without SO_REUSEPORT, so that a second process on the same port is refused.
  state->server.set_socket_options([](socket_t fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  if (port == 0) {
    state->port = state->server.bind_to_any_port(host);
  } else {
    state->port = state->server.bind_to_port(host, port) ? port : -1;
  }
  if (state->port < 0) {
    return absl::UnavailableError(absl::StrCat("--admin: ", std::string(address),
                                               " can't be bound; it is in use or no address of this machine. Choose "
                                               "another one"));
  }
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(state)));
}

AdminServer::AdminServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

AdminServer::~AdminServer() {
  state_->server.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

void AdminServer::Handle(const std::string& path, Handler handler) {
  state_->server.Get(path, [handler = std::move(handler)](const httplib::Request&, httplib::Response& response) {
    AdminAnswer answer = handler();
    response.status = answer.status;
    response.set_content(std::move(answer.body), answer.content_type);
  });
}

void AdminServer::Start() {
  state_->thread = std::thread([this] { state_->server.listen_after_bind(); });
  // Stop does nothing to a server that doesn't run yet.
  while (!state_->server.is_running()) std::this_thread::yield();
}

int AdminServer::port() const {
  return state_->port;
}

}  // namespace portreeve
