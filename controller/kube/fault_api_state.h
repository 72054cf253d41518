// What a FaultApiServer holds; for its own sources.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "controller/kube/fault_api_server.h"
#include "controller/kube/test_certificates.h"

namespace portreeve::kube {

using Name = std::pair<std::string, std::string>;  // namespace, name

struct FaultApiServer::OpenWatch {
  std::string collection;
  std::string namespace_;
  std::string name;         // the selector; empty: all
  std::size_t next = 0;     // in the history
  std::uint64_t after = 0;  // events up to this version are known
  std::uint64_t raw_from = 0;
  std::chrono::steady_clock::time_point end;
  enum class Ending { kNone, kInOrder, kCut } ending = Ending::kNone;
};

struct FaultApiServer::State {
  State()
      : authority(TestCertificate::Authority("test authority")),
        server_certificate(authority.Sign("api server", "IP:127.0.0.1,DNS:api.test")),
        client_certificate(authority.Sign("client", "")) {}

  const TestCertificate authority;
  const TestCertificate server_certificate;
  const TestCertificate client_certificate;
  std::unique_ptr<httplib::Server> server;
  std::thread thread;
  int port = 0;

  // All below.
  mutable std::mutex mutex;
  std::condition_variable changed;
  bool down = true;
  std::uint64_t hangs = 0;
  std::map<std::string, std::map<Name, nlohmann::json>> collections;
  std::string creation_time;
  std::uint64_t version = 100;
  std::uint64_t compacted = 0;
  bool gone_as_event = false;
  bool endless = false;
  std::vector<Event> history;
  std::uint64_t raw_events = 0;
  std::set<std::shared_ptr<OpenWatch>> watches;
  std::vector<Seen> requests;
  FaultFunction fault;
};

}  // namespace portreeve::kube
