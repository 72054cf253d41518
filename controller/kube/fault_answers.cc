// What a FaultApiServer answers.
#include <httplib.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "controller/kube/fault_api_server.h"
#include "controller/kube/fault_api_state.h"
#include "controller/kube/kind.h"

namespace portreeve::kube {

using nlohmann::json;

namespace {

std::string ListKind(const std::string& collection) {
  for (const WatchedKind& kind : WatchedKinds()) {
    if (collection.ends_with("/" + std::string(kind.plural))) return std::string(kind.name) + "List";
  }
  return "LeaseList";
}

// "/apis/g/v/namespaces/ns/plural/name" in its parts.
void SplitPath(const std::string& path, FaultApiServer::Seen* seen) {
  std::vector<std::string> parts;
  std::istringstream stream(path.substr(1));
  for (std::string part; std::getline(stream, part, '/');) parts.push_back(part);
  const std::size_t prefix = path.starts_with("/apis/") ? 3 : 2;
  if (parts.size() <= prefix) return;
  for (std::size_t i = 0; i < prefix; ++i) seen->collection += "/" + parts[i];
  std::vector<std::string> rest(parts.begin() + static_cast<std::ptrdiff_t>(prefix), parts.end());
  if (rest.size() > 2 && rest[0] == "namespaces") {
    seen->namespace_ = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  seen->collection += "/" + rest[0];
  if (rest.size() > 1) seen->name = rest[1];
}

}  // namespace

void FaultApiServer::AnswerStatus(httplib::Response& response, int status, const std::string& message) {
  response.status = status;
  const json body = {{"kind", "Status"},
                     {"apiVersion", "v1"},
                     {"status", status < 300 ? "Success" : "Failure"},
                     {"message", message},
                     {"code", status}};
  response.set_content(body.dump(), "application/json");
}

// False: the right answer is still to be given.
bool FaultApiServer::Obey(const Fault& fault, httplib::Response& response) {
  if (fault.hang) {
    std::unique_lock lock(state_->mutex);
    const std::uint64_t hangs = state_->hangs;
    state_->changed.wait(lock, [&] { return state_->hangs != hangs || state_->down; });
  }
  if (fault.cut) {
    response.set_content_provider(1'000, "application/json", [](std::size_t, std::size_t, httplib::DataSink& sink) {
      sink.write("{\"items\":[", 10);
      return false;
    });
    return true;
  }
  if (fault.status == 0 && fault.raw_body.empty()) return false;
  AnswerStatus(response, fault.status == 0 ? 200 : fault.status, fault.message);
  if (!fault.raw_body.empty()) response.set_content(fault.raw_body, "application/json");
  if (!fault.retry_after.empty()) response.set_header("Retry-After", fault.retry_after);
  return true;
}

void FaultApiServer::Handle(const httplib::Request& request, httplib::Response& response) {
  Seen seen;
  seen.method = request.method;
  SplitPath(request.path, &seen);
  seen.watch = request.get_param_value("watch") == "true";
  seen.version = request.get_param_value("resourceVersion");
  seen.continue_ = request.get_param_value("continue");
  seen.limit = request.get_param_value("limit");
  seen.token = request.get_header_value("Authorization");
  seen.at = std::chrono::steady_clock::now();
  FaultFunction fault;
  {
    const std::lock_guard lock(state_->mutex);
    state_->requests.push_back(seen);
    fault = state_->fault;
  }
  if (!options_.token.empty() && seen.token != "Bearer " + options_.token) {
    return AnswerStatus(response, 401, "Unauthorized");
  }
  if (fault) {
    const std::optional<Fault> told = fault(seen);
    if (told && Obey(*told, response)) return;
  }
  if (request.path == "/readyz") return response.set_content("ok", "text/plain");
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->collections.contains(seen.collection)) {
      return AnswerStatus(response, 404, "the server could not find the requested resource");
    }
  }
  if (!seen.name.empty() || seen.method == "POST") return AnswerObject(seen, request, response);
  if (!seen.watch) return AnswerList(seen, response);
  std::string selector = request.get_param_value("fieldSelector");
  if (selector.starts_with("metadata.name=")) selector.erase(0, 14);
  AnswerWatch(seen, selector, std::atoi(request.get_param_value("timeoutSeconds").c_str()), response);
}

// A token of a page is "VERSION NAMESPACE NAME": where it goes on, and of which list it is.
void FaultApiServer::AnswerList(const Seen& seen, httplib::Response& response) {
  const std::lock_guard lock(state_->mutex);
  Name after;
  std::uint64_t version = state_->version;
  if (!seen.continue_.empty()) {
    std::istringstream token(seen.continue_);
    token >> version >> after.first >> after.second;
    if (version < state_->compacted) return AnswerStatus(response, 410, "the provided continue parameter is too old");
    if (after.first == "-") after.first.clear();
  }
  json list = {{"kind", ListKind(seen.collection)}, {"apiVersion", "v1"}, {"metadata", json::object()}};
  list["items"] = json::array();
  list["metadata"]["resourceVersion"] = VersionText(version);
  const std::size_t limit = seen.limit.empty() ? SIZE_MAX : std::strtoull(seen.limit.c_str(), nullptr, 10);
  Name last;
  for (const auto& [name, object] : state_->collections[seen.collection]) {
    if (!seen.continue_.empty() && name <= after) continue;
    if (!seen.namespace_.empty() && name.first != seen.namespace_) continue;
    if (list["items"].size() == limit) {
      list["metadata"]["continue"] =
          std::to_string(version) + " " + (last.first.empty() ? "-" : last.first) + " " + last.second;
      break;
    }
    list["items"].push_back(object);
    last = name;
  }
  response.set_content(list.dump(), "application/json");
}

void FaultApiServer::AnswerObject(const Seen& seen, const httplib::Request& request, httplib::Response& response) {
  const json change = request.body.empty() ? json() : json::parse(request.body, nullptr, false);
  if (change.is_discarded()) return AnswerStatus(response, 400, "no JSON");
  {
    const std::lock_guard lock(state_->mutex);
    auto& objects = state_->collections[seen.collection];
    const auto found = objects.find({seen.namespace_, seen.name});
    if (seen.method != "POST" && found == objects.end()) return AnswerStatus(response, 404, "not found");
    if (seen.method == "GET") return response.set_content(found->second.dump(), "application/json");
    if (seen.method == "DELETE") {
      DeleteLocked(seen.collection, seen.namespace_, seen.name, true);
      AnswerStatus(response, 200, "deleted");
    } else {
      Write(seen, change, response);
    }
  }
  state_->changed.notify_all();
}

// With the lock held. A resourceVersion that is given must be the object's.
void FaultApiServer::Write(const Seen& seen, const json& change, httplib::Response& response) {
  auto& objects = state_->collections[seen.collection];
  json object = change;
  if (seen.method == "POST") {
    const Name name{change["metadata"].value("namespace", ""), change["metadata"].value("name", "")};
    if (objects.contains(name)) return AnswerStatus(response, 409, "already exists");
    if (!state_->creation_time.empty()) object["metadata"]["creationTimestamp"] = state_->creation_time;
  } else {
    const json& before = objects[{seen.namespace_, seen.name}];
    const auto metadata = change.find("metadata");
    if (metadata != change.end() && metadata->contains("resourceVersion") &&
        (*metadata)["resourceVersion"] != before["metadata"]["resourceVersion"]) {
      return AnswerStatus(response, 409, "the object has been modified");
    }
    if (seen.method == "PATCH") {
      object = before;
      object.merge_patch(change);
    }
  }
  const Name name{object["metadata"].value("namespace", ""), object["metadata"].value("name", "")};
  PutLocked(seen.collection, object);
  response.status = seen.method == "POST" ? 201 : 200;
  response.set_content(objects[name].dump(), "application/json");
}

void FaultApiServer::AnswerWatch(const Seen& seen, const std::string& selector, int seconds,
                                 httplib::Response& response) {
  auto watch = std::make_shared<OpenWatch>();
  watch->collection = seen.collection;
  watch->namespace_ = seen.namespace_;
  watch->name = selector;
  watch->after = VersionNumber(seen.version);
  {
    const std::lock_guard lock(state_->mutex);
    watch->end = seen.at + std::chrono::seconds(seconds == 0 || state_->endless ? 3'600 : seconds);
    if (watch->after < state_->compacted) {
      AnswerStatus(response, state_->gone_as_event ? 200 : 410, "too old resource version");
      if (state_->gone_as_event) {
        const json event = {{"type", "ERROR"},
                            {"object", {{"kind", "Status"}, {"code", 410}, {"message", "too old resource version"}}}};
        response.set_content(event.dump() + "\n", "application/json");
      }
      return;
    }
    watch->raw_from = state_->raw_events;
    state_->watches.insert(watch);
  }
  const auto next_event = [this, watch]() -> const Event* {
    for (; watch->next < state_->history.size(); ++watch->next) {
      const Event& event = state_->history[watch->next];
      if (event.collection != watch->collection) continue;
      if (event.raw ? event.version <= watch->raw_from : event.version <= watch->after) continue;
      if (!event.raw && !watch->namespace_.empty() && event.namespace_ != watch->namespace_) continue;
      if (!event.raw && !watch->name.empty() && event.name != watch->name) continue;
      return &event;
    }
    return nullptr;
  };
  response.set_chunked_content_provider(
      "application/json",
      [this, watch, next_event](std::size_t, httplib::DataSink& sink) {
        std::string line;
        {
          std::unique_lock lock(state_->mutex);
          state_->changed.wait_until(lock, watch->end, [&] {
            return watch->ending != OpenWatch::Ending::kNone || state_->down || next_event() != nullptr;
          });
          if (watch->ending == OpenWatch::Ending::kCut || state_->down) return false;
          const Event* event = watch->ending == OpenWatch::Ending::kNone ? next_event() : nullptr;
          if (event == nullptr) {
            lock.unlock();
            sink.done();
            return true;
          }
          line = event->line;
          ++watch->next;
        }
        return sink.write(line.data(), line.size());
      },
      [this, watch](bool) {
        const std::lock_guard lock(state_->mutex);
        state_->watches.erase(watch);
      });
}

}  // namespace portreeve::kube
