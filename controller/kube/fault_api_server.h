// FaultApiServer: an API server for tests, as small as a reflector and an elector need it, that fails on command. It
// serves collections with lists in pages, watches with history, and single objects; over TCP or TLS.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "controller/kube/http_api_client.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace portreeve::kube {

// Waits until it holds; false after 20 s.
bool Eventually(const std::function<bool()>& holds);

// Any thread.
class FaultApiServer {
 public:
  struct Options {
    bool tls = false;
    bool client_certificate = false;  // none without one
    std::string token{};              // anything but "Bearer TOKEN" is 401; empty: all are welcome
    bool numeric_versions = true;     // or resourceVersions that are no numbers
  };

  // What was asked.
  struct Seen {
    std::string method;
    std::string collection;  // "/apis/gateway.networking.k8s.io/v1/httproutes", without namespaces
    std::string namespace_;
    std::string name;  // of a single object
    bool watch = false;
    std::string version;    // resourceVersion
    std::string continue_;  // token of a page
    std::string limit;
    std::string token;  // as sent
    std::chrono::steady_clock::time_point at;

    bool list() const { return method == "GET" && name.empty() && !watch; }
  };

  // What is answered instead, or how.
  struct Fault {
    int status = 0;  // 0: the right answer
    std::string message = "as told";
    std::string retry_after{};
    std::string raw_body{};  // instead of a Status object
    bool cut = false;        // half of the answer, and the connection is closed
    bool hang = false;       // nothing, until the server goes down or EndHangs
  };
  using FaultFunction = std::function<std::optional<Fault>(const Seen&)>;

  FaultApiServer() : FaultApiServer(Options()) {}
  explicit FaultApiServer(Options options);
  ~FaultApiServer();
  FaultApiServer(const FaultApiServer&) = delete;
  FaultApiServer& operator=(const FaultApiServer&) = delete;

  // How to reach it.
  ServerOptions Client() const;
  std::unique_ptr<ApiClient> NewClient() const;

  // --- what there is
  // All that WatchedKinds() names, and leases.
  void ServeAll();
  void Serve(const std::string& collection);
  // Answers 404 from now on; watches end.
  void Withdraw(const std::string& collection);
  // Creates or replaces, by metadata; returns the resourceVersion.
  std::string Put(const std::string& collection, nlohmann::json object);
  void Delete(const std::string& collection, const std::string& namespace_, const std::string& name);
  // As Delete, but no watch ever tells of it.
  void DeleteUnseen(const std::string& collection, const std::string& namespace_, const std::string& name);
  // The metadata.creationTimestamp of what is created by a request from now on; at first it has none.
  void SetCreationTime(const std::string& time);
  nlohmann::json Get(const std::string& collection, const std::string& namespace_, const std::string& name) const;

  // --- history
  // What happened up to now is forgotten: it can't be watched from there, and tokens of pages have expired.
  void Compact();
  // A watch from a forgotten version: HTTP status 410, or an ERROR event.
  void SetGoneAsEvent(bool as_event);
  // Watches that begin from now on end by command only, whatever they ask for.
  void SetEndless(bool endless);
  // A backup, and the return to it: older objects, older versions, no history; and after it so many writes of what
  // nobody watches. Watches end, cut off.
  std::shared_ptr<const void> Backup() const;
  void Restore(const std::shared_ptr<const void>& backup, std::uint64_t writes = 0);
  // A bookmark to each watch of the collection.
  void Bookmark(const std::string& collection);
  // These bytes to each watch of the collection.
  void SendRaw(const std::string& collection, const std::string& bytes);
  // All watches end: in good order, or cut off.
  void EndWatches(bool in_order);
  std::size_t Watches(const std::string& collection) const;

  // --- faults
  void SetFault(FaultFunction fault);
  void EndHangs();
  // Refuses connections and closes all; and is back, at the same port, with the same state.
  void Down();
  void Up();

  std::vector<Seen> Requests() const;
  std::size_t Count(const std::function<bool(const Seen&)>& which) const;

 private:
  struct Event {
    std::uint64_t version = 0;
    std::string collection;
    std::string namespace_;
    std::string name;
    std::string line;  // as a watch tells it; for raw bytes, these
    bool raw = false;
  };
  struct OpenWatch;
  struct State;

  void Start();
  void Handle(const httplib::Request& request, httplib::Response& response);
  bool Obey(const Fault& fault, httplib::Response& response);
  void AnswerList(const Seen& seen, httplib::Response& response);
  void AnswerWatch(const Seen& seen, const std::string& selector, int seconds, httplib::Response& response);
  void AnswerObject(const Seen& seen, const httplib::Request& request, httplib::Response& response);
  void Write(const Seen& seen, const nlohmann::json& change, httplib::Response& response);
  std::string PutLocked(const std::string& collection, nlohmann::json object);
  void DeleteLocked(const std::string& collection, const std::string& namespace_, const std::string& name, bool seen);
  std::string VersionText(std::uint64_t version) const;
  std::uint64_t VersionNumber(const std::string& text) const;
  static void AnswerStatus(httplib::Response& response, int status, const std::string& message);

  const Options options_;
  std::unique_ptr<State> state_;
};

}  // namespace portreeve::kube
