// What data planes and the infrastructure say, laid over the statuses of a translation: a translation knows what should
// run, and this what does. Pure.
#pragma once

#include <absl/container/btree_map.h>

#include <optional>
#include <string>
#include <vector>

#include "controller/status/merge.h"
#include "controller/status/snapshot_history.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/conditions.h"
#include "controller/translate/translator.h"

namespace portreeve::status {

// Of the data planes of one Gateway.
struct GatewayProgress {
  // False while it isn't known yet who is there: this replica has just begun, or has just begun to lead and hasn't
  // heard from the others, or the last data plane has just gone. Until then what was said before stays.
  bool settled = true;
  std::vector<DataPlaneProgress> data_planes;

  bool operator==(const GatewayProgress&) const = default;
};

// Where a Gateway is reached.
struct Placement {
  std::vector<gatewayapi::GatewayAddress> addresses;
  // Why it isn't, in whole or in part: AddressNotAssigned, AddressNotUsable or NoResources.
  std::optional<translate::Objection> problem;

  bool operator==(const Placement&) const = default;
};

// Takes the place of a translation's statuses.
using StatusMap = absl::btree_map<gatewayapi::ObjectKey, translate::ObjectStatus>;

struct OverlayInput {
  const store::ClusterState& state;
  // What came out the last time: what was said before. Of an object that isn't in it, that is what is stored.
  const StatusMap& before;
  // By "NS/NAME" of the Gateway. Without an entry: nobody is connected.
  const absl::btree_map<std::string, GatewayProgress>& progress;
  // Without an entry it isn't known: what was said before stays.
  const absl::btree_map<std::string, Placement>& placements;
};

// A complaint about an object that has no status of ours: it can only be an event.
struct Note {
  gatewayapi::ObjectKey key;
  Complaint complaint;

  bool operator==(const Note&) const = default;
};

struct Overlaid {
  StatusMap statuses;       // all Gateways, and routes of which something is refused
  std::vector<Note> notes;  // by key; each once
};

// `statuses`: of one translation of `input.state`, sorted by key.
//
// A Gateway's Programmed, and each listener's, stays False where the translation says so; otherwise it is True once the
// Gateway has its addresses and every connected data plane accepts connections on the listeners as they are now. What a
// data plane refuses shows on the object that caused it: on the listener for the Gateway itself and its certificates;
// as portreeve.dev/Programmed on the route's parent for the route and the Services that it names.
Overlaid Overlay(const translate::StatusSet& statuses, const OverlayInput& input);

}  // namespace portreeve::status
