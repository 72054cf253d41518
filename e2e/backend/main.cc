// A backend to try the gateway with: it answers each request with a small JSON text that shows what arrived.
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <httplib.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace {

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return text;
}

// A thread for each connection, since a kept one holds its thread and a gateway keeps many: with a fixed number, those
// who come later, probes among them, would wait.
class ThreadPerConnection final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    ++running_;
    std::thread([this, task = std::move(task)] {
      task();
      const std::lock_guard lock(mutex_);
      --running_;
      ended_.notify_all();
    }).detach();
  }
  void shutdown() override {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;  // guarded by mutex_
};

nlohmann::ordered_json Describe(const std::string& name, const httplib::Request& request) {
  nlohmann::ordered_json seen;
  seen["backend"] = name;
  seen["method"] = request.method;
  seen["target"] = request.target;
  std::map<std::string, std::string> headers;
  for (const auto& [field, value] : request.headers) {
    // The library adds these for its own use; they weren't sent.
    if (field == "REMOTE_ADDR" || field == "REMOTE_PORT" || field == "LOCAL_ADDR" || field == "LOCAL_PORT") {
      continue;
    }
    std::string& all = headers[Lower(field)];
    all += all.empty() ? value : ", " + value;
  }
  seen["headers"] = headers;
  if (!request.body.empty()) {
    seen["body_bytes"] = request.body.size();
  }
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Answers each request with a JSON text that shows what arrived.", "portreeve-demo-backend");
  int port = 0;
  std::string name = "demo";
  std::string address = "127.0.0.1";
  app.add_option("--port", port, "Port to listen on")->required()->check(CLI::Range(1, 65535));
  app.add_option("--name", name, "Name to answer with")->capture_default_str();
  app.add_option("--address", address, "Address to listen on")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  // Blocked here and in every thread after this, so that only sigwait below takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  httplib::Server server;
  server.new_task_queue = [] { return new ThreadPerConnection; };
  // The library's own options let two programs share a port, and requests would go to either.
  server.set_socket_options([](socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  server.set_keep_alive_max_count(1000000);
  server.set_keep_alive_timeout(75);
  server.set_tcp_nodelay(true);
  const auto answer = [&name](const httplib::Request& request, httplib::Response& response) {
    response.set_content(Describe(name, request).dump(2) + "\n", "application/json");
  };
  const char* const any = ".*";
  server.Get(any, answer);
  server.Post(any, answer);
  server.Put(any, answer);
  server.Patch(any, answer);
  server.Delete(any, answer);
  server.Options(any, answer);

  if (!server.bind_to_port(address, port)) {
    std::fprintf(stderr, "portreeve-demo-backend: can't listen on %s:%d: is something else using it?\n",
                 address.c_str(), port);
    return 1;
  }
  std::fprintf(stderr, "%s listens on %s:%d\n", name.c_str(), address.c_str(), port);

  std::thread stopper([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    server.stop();
  });
  server.listen_after_bind();
  stopper.join();
  return 0;
}
