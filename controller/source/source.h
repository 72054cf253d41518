// Where objects come from: a folder of files, or the API server of a cluster.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/gatewayapi/problem.h"
#include "controller/source/resource_event.h"

namespace portreeve::source {

struct SourceBatch {
  std::vector<ResourceEvent> events;          // deletions first, then by key; at most one for each object
  std::vector<gatewayapi::Problem> problems;  // that are new
};

// Where the text of an object stands.
struct SourcePlace {
  std::string file;
  int line = 0;  // from 1
};

// Belongs to one thread.
class Source {
 public:
  virtual ~Source() = default;

  // Readable when Read() may have something to say.
  virtual int fd() const = 0;

  // What has happened since the last call; the first one begins with what there is. Doesn't wait for anything to
  // happen.
  virtual SourceBatch Read() = 0;

  // Everything that there was at the start has been read: what follows from less must not be published.
  virtual bool complete() const = 0;
  // The same without what SetWanted names: enough to find out what that is.
  virtual bool listed() const { return complete(); }
  // Nothing that is wanted is on its way.
  virtual bool settled() const { return true; }
  // The Secrets and ConfigMaps that a translation has found references to. A source need not keep others.
  virtual void SetWanted(const std::set<gatewayapi::ObjectKey>& /*wanted*/) {}

  // Why the Gateway API's CRDs there aren't of a version that this release knows; empty if they are, or if there are
  // none because the source needs none.
  virtual std::string VersionProblem() const { return {}; }

  // All problems as things stand.
  virtual std::vector<gatewayapi::Problem> AllProblems() const = 0;

  // Nothing for an object that isn't there, or that stands in no file.
  virtual std::optional<SourcePlace> PlaceOf(const gatewayapi::ObjectKey& key) const = 0;
};

}  // namespace portreeve::source
