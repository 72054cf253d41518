// All paths of one hostname, by segment.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/route/entry_list.h"
#include "dataplane/route/request_values.h"
#include "dataplane/route/route_entry.h"
#include "dataplane/route/route_table.h"

namespace portreeve::route {

// One node for each distinct start of a path, cut at "/". "/a/b" has the segments "a" and "b", "/a/" has "a" and "",
// "/" has "", and the root has none. A node holds the exact entries of its whole path, the prefix entries, and the
// regular expressions whose matches all begin there. All edges are in one hash table, by parent and segment, so that
// 100,000 children of a node cost what one does. A walk ends where the trie does, so its cost is bounded by the
// configured paths, not by the request's.
class PathTrie {
 public:
  // Sorted by Precedes.
  explicit PathTrie(std::vector<RouteEntry> sorted);

  RouteMatch Match(RequestValues& request) const;

 private:
  using NodeId = std::uint32_t;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  struct Node {
    // Positions in lists_ and regexes_.
    std::uint32_t exact = kNone;
    std::uint32_t prefix = kNone;
    std::uint32_t regexes = kNone;
    NodeId parent = kNone;
    // Nearest node above with prefix entries, or with regular expressions.
    NodeId prefix_above = kNone;
    NodeId regexes_above = kNone;
    // Length of the path up to here.
    std::uint32_t path_bytes = 0;
  };

  struct Edge {
    NodeId parent;
    std::string_view segment;
    friend bool operator==(const Edge& a, const Edge& b) { return a.parent == b.parent && a.segment == b.segment; }
    template <typename H>
    friend H AbslHashValue(H h, const Edge& edge) {
      return H::combine(std::move(h), edge.parent, edge.segment);
    }
  };
  using Edges = absl::flat_hash_map<Edge, NodeId>;

  struct RegexCandidate {
    // Among all regular expressions of the hostname: less goes first.
    std::uint32_t rank;
    std::shared_ptr<const Regex> regex;
    Candidate candidate;
  };

  class Builder;

  struct Walk {
    NodeId node;
    // The node is the whole path.
    bool complete;
  };
  Walk Descend(std::string_view path) const;
  const Candidate* FindRegex(NodeId node, RequestValues& request) const;

  std::vector<Node> nodes_;
  Edges edges_;
  // The segments of edges_.
  std::unique_ptr<char[]> names_;
  std::vector<EntryList> lists_;
  std::vector<std::vector<RegexCandidate>> regexes_;
};

}  // namespace portreeve::route
