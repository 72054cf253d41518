// All paths of one hostname, by segment.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/route/candidate.h"
#include "dataplane/route/request_values.h"
#include "dataplane/route/route_entry.h"
#include "dataplane/route/route_match.h"

namespace portreeve::route {

// One node for each distinct start of a path, cut at "/". "/a/b" has the segments "a" and "b", "/a/" has "a" and "",
// "/" has "", and the root has none. A node holds the exact entries of its whole path, the prefix entries, and the
// regular expressions whose matches all begin there. All edges are in one hash table, by parent and segment, so that
// 100,000 children of a node cost what one does. A walk ends where the trie does, so its cost is bounded by the
// configured paths, not by the request's. What a big table costs is cache misses; the layout keeps them few.
class PathTrie {
 public:
  // Sorted by Precedes.
  explicit PathTrie(std::vector<RouteEntry> sorted);

  RouteMatch Match(RequestValues& request) const;

 private:
  using NodeId = std::uint32_t;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  // A part of candidates_, in order.
  struct List {
    std::uint32_t first = 0;
    std::uint32_t size = 0;
    // Position in indexes_, for a long one.
    std::uint32_t index = kNone;
  };

  struct Node {
    List exact;
    List prefix;
    // Position in regexes_.
    std::uint32_t regexes = kNone;
    // Nearest node above with prefix entries, or with regular expressions.
    NodeId prefix_above = kNone;
    NodeId regexes_above = kNone;
    // Length of the path up to here.
    std::uint32_t path_bytes = 0;
    bool has_children = false;
  };

  // A key of the edge table. Short segments stand in it, longer ones in names_.
  class Edge {
   public:
    Edge(NodeId parent, std::string_view segment) : parent_(parent), size_(static_cast<std::uint32_t>(segment.size())) {
      if (segment.size() <= text_.size()) {
        std::memcpy(text_.data(), segment.data(), segment.size());
      } else {
        const char* const data = segment.data();
        std::memcpy(text_.data(), &data, sizeof(data));
      }
    }
    NodeId parent() const { return parent_; }
    std::string_view segment() const {
      if (size_ <= text_.size()) return {text_.data(), size_};
      const char* data = nullptr;
      std::memcpy(&data, text_.data(), sizeof(data));
      return {data, size_};
    }
    friend bool operator==(const Edge& a, const Edge& b) {
      return a.parent_ == b.parent_ && a.segment() == b.segment();
    }
    template <typename H>
    friend H AbslHashValue(H h, const Edge& edge) {
      return H::combine(std::move(h), edge.parent_, edge.segment());
    }

   private:
    NodeId parent_;
    std::uint32_t size_;
    std::array<char, 20> text_{};
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
  const Candidate* Find(const List& list, RequestValues& request) const;
  const Candidate* FindRegex(NodeId node, RequestValues& request) const;

  std::vector<Node> nodes_;
  Edges edges_;
  std::vector<Candidate> candidates_;
  std::vector<std::vector<RegexCandidate>> regexes_;
  std::vector<std::unique_ptr<const CandidateIndex>> indexes_;
  std::unique_ptr<char[]> names_;
};

}  // namespace portreeve::route
