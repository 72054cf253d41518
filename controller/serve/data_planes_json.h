// What data planes have reported, as the admin port's /dataplanes shows it.
#pragma once

#include <string>
#include <vector>

#include "controller/serve/config_service.h"
#include "controller/serve/snapshot_cache.h"

namespace portreeve::serve {

// {"dataPlanes": [{"gateway", "pod", "instance", "connected", "snapshot", "wanted", "current", "refused": [{"key",
// "version", "object", "field", "message"}], "listening": […]}]}, in the order of `reports`. `wanted` is the version of
// the snapshot that a data plane of that Gateway should run by now, "" while nothing has been published; `current` says
// whether `snapshot` is that. Names, versions and messages only: no secret is in it.
std::string DataPlanesJson(const std::vector<DataPlaneReport>& reports, const SnapshotCache& cache);

}  // namespace portreeve::serve
