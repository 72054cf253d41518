#include "dataplane/route/path_trie.h"

#include <algorithm>
#include <string>

namespace portreeve::route {
namespace {

// Calls f(segment) for each "/segment" of the path until f returns false. Returns false when f did, or when the path
// doesn't begin with "/" ("*").
template <typename F>
bool ForEachSegment(std::string_view path, F f) {
  while (!path.empty()) {
    if (path.front() != '/') return false;
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    if (!f(path.substr(0, end))) return false;
    path.remove_prefix(end);
  }
  return true;
}

// The start of the literal prefix that consists of whole segments: what comes before its last "/".
std::string_view WholeSegments(std::string_view literal) {
  if (literal.empty() || literal.front() != '/') return {};
  return literal.substr(0, literal.rfind('/'));
}

RouteMatch Found(const Candidate& candidate, PathMatch::Type type, std::string_view prefix) {
  RouteMatch match;
  match.rule = candidate.rule.get();
  match.match_index = candidate.match_index;
  match.path_type = type;
  match.matched_prefix = prefix;
  return match;
}

}  // namespace

class PathTrie::Builder {
 public:
  explicit Builder(PathTrie& trie) : trie_(trie) { trie_.nodes_.emplace_back(); }

  void Build(std::vector<RouteEntry>& entries) {
    // Nodes first: edges hold views into the entries until Seal copies them.
    std::vector<NodeId> places;
    places.reserve(entries.size());
    for (const RouteEntry& entry : entries) places.push_back(Place(entry.match.path));
    Seal();
    for (std::size_t i = 0; i < entries.size(); ++i) Add(entries[i], trie_.nodes_[places[i]]);
    for (std::vector<Candidate>& list : lists_) trie_.lists_.emplace_back(std::move(list));
    LinkUpwards();
  }

 private:
  NodeId Place(const PathMatch& path) {
    const bool regex = path.type == PathMatch::Type::kRegex;
    NodeId node = 0;
    ForEachSegment(regex ? WholeSegments(path.regex->literal_prefix()) : std::string_view(path.value),
                   [&](std::string_view segment) {
                     node = Child(node, segment);
                     return true;
                   });
    return node;
  }

  NodeId Child(NodeId parent, std::string_view segment) {
    const auto [edge, added] = edges_.try_emplace({parent, segment}, static_cast<NodeId>(trie_.nodes_.size()));
    if (added) {
      Node node;
      node.parent = parent;
      node.path_bytes = trie_.nodes_[parent].path_bytes + 1 + static_cast<std::uint32_t>(segment.size());
      trie_.nodes_.push_back(node);
      name_bytes_ += segment.size();
    }
    return edge->second;
  }

  // Gives the edges their own copy of the segments.
  void Seal() {
    trie_.nodes_.shrink_to_fit();
    trie_.names_ = std::make_unique<char[]>(name_bytes_);
    trie_.edges_.reserve(edges_.size());
    char* out = trie_.names_.get();
    for (const auto& [edge, child] : edges_) {
      char* const start = out;
      out = std::copy(edge.segment.begin(), edge.segment.end(), out);
      trie_.edges_.emplace(Edge{edge.parent, std::string_view(start, edge.segment.size())}, child);
    }
    edges_.clear();
  }

  void Add(RouteEntry& entry, Node& node) {
    Candidate candidate;
    candidate.rule = std::move(entry.rule);
    candidate.match_index = entry.order.match_index;
    candidate.method = std::move(entry.match.method);
    candidate.headers = std::move(entry.match.headers);
    candidate.query = std::move(entry.match.query);
    if (entry.match.path.type == PathMatch::Type::kRegex) {
      if (node.regexes == kNone) {
        node.regexes = static_cast<std::uint32_t>(trie_.regexes_.size());
        trie_.regexes_.emplace_back();
      }
      trie_.regexes_[node.regexes].push_back({next_rank_++, std::move(entry.match.path.regex), std::move(candidate)});
      return;
    }
    std::uint32_t& list = entry.match.path.type == PathMatch::Type::kExact ? node.exact : node.prefix;
    if (list == kNone) {
      list = static_cast<std::uint32_t>(lists_.size());
      lists_.emplace_back();
    }
    lists_[list].push_back(std::move(candidate));
  }

  // A parent has a smaller number than its children.
  void LinkUpwards() {
    for (Node& node : trie_.nodes_) {
      if (node.parent == kNone) continue;
      const Node& parent = trie_.nodes_[node.parent];
      node.prefix_above = parent.prefix != kNone ? node.parent : parent.prefix_above;
      node.regexes_above = parent.regexes != kNone ? node.parent : parent.regexes_above;
    }
  }

  PathTrie& trie_;
  Edges edges_;
  std::size_t name_bytes_ = 0;
  std::uint32_t next_rank_ = 0;
  std::vector<std::vector<Candidate>> lists_;
};

PathTrie::PathTrie(std::vector<RouteEntry> sorted) {
  Builder(*this).Build(sorted);
}

PathTrie::Walk PathTrie::Descend(std::string_view path) const {
  Walk walk{0, false};
  if (edges_.empty()) return walk;
  walk.complete = ForEachSegment(path, [&](std::string_view segment) {
    const auto edge = edges_.find(Edge{walk.node, segment});
    if (edge == edges_.end()) return false;
    walk.node = edge->second;
    return true;
  });
  return walk;
}

// Each list is in order, and the lists of the nodes on the way down are disjoint: the least rank that holds wins.
const Candidate* PathTrie::FindRegex(NodeId node, RequestValues& request) const {
  const RegexCandidate* best = nullptr;
  for (NodeId at = nodes_[node].regexes != kNone ? node : nodes_[node].regexes_above; at != kNone;
       at = nodes_[at].regexes_above) {
    for (const RegexCandidate& candidate : regexes_[nodes_[at].regexes]) {
      if (best != nullptr && candidate.rank > best->rank) break;
      // What is cheap goes first.
      const std::string& method = candidate.candidate.method;
      if (!method.empty() && method != request.head().method) continue;
      if (!candidate.regex->Matches(request.head().path) || !Holds(candidate.candidate, request)) continue;
      best = &candidate;
      break;
    }
  }
  return best != nullptr ? &best->candidate : nullptr;
}

RouteMatch PathTrie::Match(RequestValues& request) const {
  const std::string_view path = request.head().path;
  const Walk walk = Descend(path);
  const Node& node = nodes_[walk.node];
  if (walk.complete && node.exact != kNone) {
    if (const Candidate* exact = lists_[node.exact].Find(request)) return Found(*exact, PathMatch::Type::kExact, {});
  }
  if (!regexes_.empty()) {
    if (const Candidate* regex = FindRegex(walk.node, request)) return Found(*regex, PathMatch::Type::kRegex, {});
  }
  for (NodeId at = node.prefix != kNone ? walk.node : node.prefix_above; at != kNone; at = nodes_[at].prefix_above) {
    if (const Candidate* prefix = lists_[nodes_[at].prefix].Find(request)) {
      return Found(*prefix, PathMatch::Type::kPrefix, path.substr(0, nodes_[at].path_bytes));
    }
  }
  return {};
}

}  // namespace portreeve::route
