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
  explicit Builder(PathTrie& trie) : trie_(trie) { AddNode(kNone, 0); }

  void Build(std::vector<RouteEntry>& entries) {
    // Nodes first: edges hold views into the entries until Seal copies them.
    std::vector<NodeId> places;
    places.reserve(entries.size());
    for (const RouteEntry& entry : entries) places.push_back(Place(entry.match.path));
    Seal();
    Arrange(entries, places);
    IndexLongLists();
    LinkUpwards();
  }

 private:
  NodeId AddNode(NodeId parent, std::size_t path_bytes) {
    Node& node = trie_.nodes_.emplace_back();
    node.path_bytes = static_cast<std::uint32_t>(path_bytes);
    parents_.push_back(parent);
    return static_cast<NodeId>(trie_.nodes_.size() - 1);
  }

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
    const auto [edge, added] = edges_.try_emplace(Edge(parent, segment), kNone);
    if (added) {
      trie_.nodes_[parent].has_children = true;
      edge->second = AddNode(parent, trie_.nodes_[parent].path_bytes + 1 + segment.size());
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
      const std::string_view segment = edge.segment();
      char* const start = out;
      out = std::copy(segment.begin(), segment.end(), out);
      trie_.edges_.emplace(Edge(edge.parent(), std::string_view(start, segment.size())), child);
    }
    edges_.clear();
  }

  List& ListOf(const RouteEntry& entry, NodeId node) {
    return entry.match.path.type == PathMatch::Type::kExact ? trie_.nodes_[node].exact : trie_.nodes_[node].prefix;
  }

  // Puts the candidates of each list side by side, in order. Regular expressions stand apart.
  void Arrange(std::vector<RouteEntry>& entries, const std::vector<NodeId>& places) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].match.path.type == PathMatch::Type::kRegex) {
        AddRegex(entries[i], trie_.nodes_[places[i]]);
      } else {
        order.push_back(i);
      }
    }
    // Exact entries all stand before prefix entries, so that node and position keep each list together and in order.
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const bool exact_a = entries[a].match.path.type == PathMatch::Type::kExact;
      const bool exact_b = entries[b].match.path.type == PathMatch::Type::kExact;
      if (exact_a != exact_b) return exact_a;
      return places[a] != places[b] ? places[a] < places[b] : a < b;
    });
    trie_.candidates_.reserve(order.size());
    for (const std::size_t i : order) {
      List& list = ListOf(entries[i], places[i]);
      if (list.size++ == 0) list.first = static_cast<std::uint32_t>(trie_.candidates_.size());
      trie_.candidates_.emplace_back(std::move(entries[i]));
    }
  }

  void AddRegex(RouteEntry& entry, Node& node) {
    if (node.regexes == kNone) {
      node.regexes = static_cast<std::uint32_t>(trie_.regexes_.size());
      trie_.regexes_.emplace_back();
    }
    std::shared_ptr<const Regex> regex = entry.match.path.regex;
    trie_.regexes_[node.regexes].push_back({next_rank_++, std::move(regex), Candidate(std::move(entry))});
  }

  void IndexLongLists() {
    for (Node& node : trie_.nodes_) {
      for (List* list : {&node.exact, &node.prefix}) {
        if (list->size < CandidateIndex::kMinSize) continue;
        list->index = static_cast<std::uint32_t>(trie_.indexes_.size());
        trie_.indexes_.push_back(std::make_unique<const CandidateIndex>(
            std::span<const Candidate>(trie_.candidates_).subspan(list->first, list->size)));
      }
    }
  }

  // A parent has a smaller number than its children.
  void LinkUpwards() {
    for (NodeId id = 1; id < trie_.nodes_.size(); ++id) {
      const Node& parent = trie_.nodes_[parents_[id]];
      Node& node = trie_.nodes_[id];
      node.prefix_above = parent.prefix.size != 0 ? parents_[id] : parent.prefix_above;
      node.regexes_above = parent.regexes != kNone ? parents_[id] : parent.regexes_above;
    }
  }

  PathTrie& trie_;
  Edges edges_;
  std::vector<NodeId> parents_;
  std::size_t name_bytes_ = 0;
  std::uint32_t next_rank_ = 0;
};

PathTrie::PathTrie(std::vector<RouteEntry> sorted) {
  Builder(*this).Build(sorted);
}

PathTrie::Walk PathTrie::Descend(std::string_view path) const {
  Walk walk{0, false};
  walk.complete = ForEachSegment(path, [&](std::string_view segment) {
    if (!nodes_[walk.node].has_children) return false;
    const auto edge = edges_.find(Edge(walk.node, segment));
    if (edge == edges_.end()) return false;
    walk.node = edge->second;
    return true;
  });
  return walk;
}

const Candidate* PathTrie::Find(const List& list, RequestValues& request) const {
  if (list.index != kNone) return indexes_[list.index]->Find(request);
  for (std::uint32_t i = list.first; i < list.first + list.size; ++i) {
    if (Holds(candidates_[i], request)) return &candidates_[i];
  }
  return nullptr;
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
  if (walk.complete) {
    if (const Candidate* exact = Find(node.exact, request)) return Found(*exact, PathMatch::Type::kExact, {});
  }
  if (!regexes_.empty()) {
    if (const Candidate* regex = FindRegex(walk.node, request)) return Found(*regex, PathMatch::Type::kRegex, {});
  }
  for (NodeId at = walk.node; at != kNone; at = nodes_[at].prefix_above) {
    if (const Candidate* prefix = Find(nodes_[at].prefix, request)) {
      return Found(*prefix, PathMatch::Type::kPrefix, path.substr(0, nodes_[at].path_bytes));
    }
  }
  return {};
}

}  // namespace portreeve::route
