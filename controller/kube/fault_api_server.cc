#include "controller/kube/fault_api_server.h"

#include <httplib.h>
#include <poll.h>

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "controller/kube/fault_api_state.h"
#include "controller/kube/kind.h"

namespace portreeve::kube {

using nlohmann::json;

namespace {

constexpr const char* kLeases = "/apis/coordination.k8s.io/v1/leases";

struct BackupState {
  std::map<std::string, std::map<Name, json>> collections;
  std::uint64_t version = 0;
};

}  // namespace

bool Eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    poll(nullptr, 0, 2);
  }
  return true;
}

FaultApiServer::FaultApiServer(Options options) : options_(std::move(options)), state_(std::make_unique<State>()) {
  Start();
}

FaultApiServer::~FaultApiServer() {
  Down();
}

void FaultApiServer::Start() {
  State& state = *state_;
  if (options_.tls) {
    X509_STORE* clients = nullptr;
    if (options_.client_certificate) {
      clients = X509_STORE_new();
      X509_STORE_add_cert(clients, state.authority.certificate());
    }
    state.server = std::make_unique<httplib::SSLServer>(state.server_certificate.certificate(),
                                                        state.server_certificate.key(), clients);
  } else {
    state.server = std::make_unique<httplib::Server>();
  }
  httplib::Server& server = *state.server;
  server.new_task_queue = [] { return new httplib::ThreadPool(64); };
  server.set_tcp_nodelay(true);
  server.set_keep_alive_timeout(1);
  server.set_socket_options([](socket_t fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
    Handle(request, response);
  };
  server.Get(".*", handle).Post(".*", handle).Patch(".*", handle).Put(".*", handle).Delete(".*", handle);
  if (state.port == 0) {
    state.port = server.bind_to_any_port("127.0.0.1");
  } else if (!server.bind_to_port("127.0.0.1", state.port)) {
    std::cerr << "the test's API server can't have its port again\n";
    std::abort();
  }
  {
    const std::lock_guard lock(state.mutex);
    state.down = false;
  }
  state.thread = std::thread([&server] { server.listen_after_bind(); });
  if (!Eventually([&] { return server.is_running(); })) std::abort();
}

void FaultApiServer::Down() {
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    if (std::exchange(state.down, true)) return;
    ++state.hangs;
    for (const auto& watch : state.watches) watch->ending = OpenWatch::Ending::kCut;
  }
  state.changed.notify_all();
  state.server->stop();
  state.thread.join();
  state.server.reset();
}

void FaultApiServer::Up() {
  Start();
}

ServerOptions FaultApiServer::Client() const {
  ServerOptions client;
  client.url = std::string(options_.tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(state_->port);
  if (options_.tls) client.ca_pem = state_->authority.pem();
  if (options_.client_certificate) {
    client.client_certificate_pem = state_->client_certificate.pem();
    client.client_key_pem = SecretBytes(state_->client_certificate.key_pem());
  }
  client.token = SecretBytes(options_.token);
  return client;
}

std::unique_ptr<ApiClient> FaultApiServer::NewClient() const {
  auto client = HttpApiClient::Create(Client());
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    std::abort();
  }
  return *std::move(client);
}

// --- what there is --------------------------------------------------------------------------------------------------

void FaultApiServer::ServeAll() {
  for (const WatchedKind& kind : WatchedKinds()) Serve(CollectionPath(kind, kind.versions[0], ""));
  Serve(kLeases);
}

void FaultApiServer::Serve(const std::string& collection) {
  const std::lock_guard lock(state_->mutex);
  state_->collections[collection];
}

void FaultApiServer::Withdraw(const std::string& collection) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->collections.erase(collection);
    for (const auto& watch : state_->watches) {
      if (watch->collection == collection) watch->ending = OpenWatch::Ending::kInOrder;
    }
  }
  state_->changed.notify_all();
}

std::string FaultApiServer::VersionText(std::uint64_t version) const {
  return (options_.numeric_versions ? "" : "v-") + std::to_string(version);
}

std::uint64_t FaultApiServer::VersionNumber(const std::string& text) const {
  return std::strtoull(text.c_str() + (options_.numeric_versions ? 0 : 2), nullptr, 10);
}

std::string FaultApiServer::PutLocked(const std::string& collection, json object) {
  auto& objects = state_->collections[collection];
  const Name name{object["metadata"].value("namespace", ""), object["metadata"].value("name", "")};
  const bool there = objects.contains(name);
  const std::uint64_t version = ++state_->version;
  object["metadata"]["resourceVersion"] = VersionText(version);
  objects[name] = object;
  const json event = {{"type", there ? "MODIFIED" : "ADDED"}, {"object", object}};
  state_->history.push_back({version, collection, name.first, name.second, event.dump() + "\n", false});
  return VersionText(version);
}

std::string FaultApiServer::Put(const std::string& collection, json object) {
  std::string version;
  {
    const std::lock_guard lock(state_->mutex);
    version = PutLocked(collection, std::move(object));
  }
  state_->changed.notify_all();
  return version;
}

void FaultApiServer::SetCreationTime(const std::string& time) {
  const std::lock_guard lock(state_->mutex);
  state_->creation_time = time;
}

void FaultApiServer::DeleteLocked(const std::string& collection, const std::string& namespace_, const std::string& name,
                                  bool seen) {
  auto& objects = state_->collections[collection];
  const auto found = objects.find({namespace_, name});
  if (found == objects.end()) return;
  const std::uint64_t version = ++state_->version;
  found->second["metadata"]["resourceVersion"] = VersionText(version);
  const json event = {{"type", "DELETED"}, {"object", found->second}};
  if (seen) state_->history.push_back({version, collection, namespace_, name, event.dump() + "\n", false});
  objects.erase(found);
}

void FaultApiServer::Delete(const std::string& collection, const std::string& namespace_, const std::string& name) {
  {
    const std::lock_guard lock(state_->mutex);
    DeleteLocked(collection, namespace_, name, true);
  }
  state_->changed.notify_all();
}

void FaultApiServer::DeleteUnseen(const std::string& collection, const std::string& namespace_,
                                  const std::string& name) {
  const std::lock_guard lock(state_->mutex);
  DeleteLocked(collection, namespace_, name, false);
}

json FaultApiServer::Get(const std::string& collection, const std::string& namespace_, const std::string& name) const {
  const std::lock_guard lock(state_->mutex);
  const auto objects = state_->collections.find(collection);
  if (objects == state_->collections.end()) return {};
  const auto found = objects->second.find({namespace_, name});
  return found == objects->second.end() ? json() : found->second;
}

// --- history --------------------------------------------------------------------------------------------------------

void FaultApiServer::Compact() {
  const std::lock_guard lock(state_->mutex);
  state_->compacted = ++state_->version;
}

void FaultApiServer::SetGoneAsEvent(bool as_event) {
  const std::lock_guard lock(state_->mutex);
  state_->gone_as_event = as_event;
}

void FaultApiServer::SetEndless(bool endless) {
  const std::lock_guard lock(state_->mutex);
  state_->endless = endless;
}

std::shared_ptr<const void> FaultApiServer::Backup() const {
  const std::lock_guard lock(state_->mutex);
  return std::make_shared<BackupState>(BackupState{state_->collections, state_->version});
}

void FaultApiServer::Restore(const std::shared_ptr<const void>& backup, std::uint64_t writes) {
  const auto& saved = *static_cast<const BackupState*>(backup.get());
  {
    const std::lock_guard lock(state_->mutex);
    state_->collections = saved.collections;
    state_->version = saved.version + writes;
    state_->history.clear();
    for (const auto& watch : state_->watches) {
      watch->ending = OpenWatch::Ending::kCut;
      watch->next = 0;
    }
  }
  state_->changed.notify_all();
}

void FaultApiServer::Bookmark(const std::string& collection) {
  json bookmark = {{"type", "BOOKMARK"}, {"object", {{"kind", "Any"}, {"metadata", json::object()}}}};
  {
    const std::lock_guard lock(state_->mutex);
    bookmark["object"]["metadata"]["resourceVersion"] = VersionText(state_->version);
  }
  SendRaw(collection, bookmark.dump() + "\n");
}

void FaultApiServer::SendRaw(const std::string& collection, const std::string& bytes) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->history.push_back({++state_->raw_events, collection, "", "", bytes, true});
  }
  state_->changed.notify_all();
}

void FaultApiServer::EndWatches(bool in_order) {
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& watch : state_->watches) {
      watch->ending = in_order ? OpenWatch::Ending::kInOrder : OpenWatch::Ending::kCut;
    }
  }
  state_->changed.notify_all();
}

std::size_t FaultApiServer::Watches(const std::string& collection) const {
  const std::lock_guard lock(state_->mutex);
  std::size_t count = 0;
  for (const auto& watch : state_->watches) {
    count += watch->collection == collection && watch->ending == OpenWatch::Ending::kNone ? 1 : 0;
  }
  return count;
}

// --- faults -------------------------------------------------------------------------------------------------------

void FaultApiServer::SetFault(FaultFunction fault) {
  const std::lock_guard lock(state_->mutex);
  state_->fault = std::move(fault);
}

void FaultApiServer::EndHangs() {
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->hangs;
  }
  state_->changed.notify_all();
}

std::vector<FaultApiServer::Seen> FaultApiServer::Requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

std::size_t FaultApiServer::Count(const std::function<bool(const Seen&)>& which) const {
  std::size_t count = 0;
  for (const Seen& seen : Requests()) count += which(seen) ? 1 : 0;
  return count;
}

}  // namespace portreeve::kube
