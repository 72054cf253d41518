#include "dataplane/route/candidate.h"

#include <algorithm>

namespace portreeve::route {

Candidate::Candidate(RouteEntry entry)
    : rule(std::move(entry.rule)),
      match_index(entry.order.match_index),
      plain(entry.match.method.empty() && entry.match.headers.empty() && entry.match.query.empty()),
      method(std::move(entry.match.method)),
      headers(std::move(entry.match.headers)),
      query(std::move(entry.match.query)) {}

bool Holds(const Candidate& candidate, RequestValues& request) {
  if (candidate.plain) return true;
  if (!candidate.method.empty() && candidate.method != request.head().method) return false;
  for (const ValueMatch& match : candidate.headers) {
    if (!Holds(match, request.Header(match.id, match.name))) return false;
  }
  for (const ValueMatch& match : candidate.query) {
    if (!Holds(match, request.Query(match.name))) return false;
  }
  return true;
}

CandidateIndex::CandidateIndex(std::span<const Candidate> candidates) : candidates_(candidates) {
  Counts counts;
  for (const Candidate& candidate : candidates_) {
    ForEachExact(candidate, [&](const Demand& demand) { ++counts[demand]; });
  }
  ChooseNames(counts);
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    const std::optional<Demand> demand = Rarest(candidates_[i], counts, /*chosen_only=*/true);
    if (demand.has_value()) {
      buckets_[*demand].push_back(i);
    } else {
      rest_.push_back(i);
    }
  }
}

const Candidate* CandidateIndex::Find(RequestValues& request) const {
  std::size_t best = candidates_.size();
  const auto scan = [&](const std::vector<std::uint32_t>& positions) {
    for (const std::uint32_t i : positions) {
      if (i >= best) return;
      if (Holds(candidates_[i], request)) {
        best = i;
        return;
      }
    }
  };
  for (const Name& name : names_) {
    const std::optional<std::string_view> value =
        name.query ? request.Query(name.text) : request.Header(name.id, name.text);
    if (!value.has_value()) continue;
    const auto bucket = buckets_.find(Demand(name, *value));
    if (bucket != buckets_.end()) scan(bucket->second);
  }
  scan(rest_);
  return best < candidates_.size() ? &candidates_[best] : nullptr;
}

template <typename F>
void CandidateIndex::ForEachExact(const Candidate& candidate, F f) {
  for (const ValueMatch& match : candidate.headers) {
    if (match.type == ValueMatch::Type::kExact) f(Demand({false, match.name, match.id}, match.value));
  }
  for (const ValueMatch& match : candidate.query) {
    if (match.type == ValueMatch::Type::kExact) f(Demand({true, match.name, http::HeaderId::kOther}, match.value));
  }
}

std::optional<CandidateIndex::Demand> CandidateIndex::Rarest(const Candidate& candidate, const Counts& counts,
                                                             bool chosen_only) const {
  std::optional<Demand> rarest;
  std::size_t least = 0;
  ForEachExact(candidate, [&](const Demand& demand) {
    if (chosen_only && std::find(names_.begin(), names_.end(), demand.first) == names_.end()) return;
    const std::size_t count = counts.at(demand);
    if (rarest.has_value() && count >= least) return;
    rarest = demand;
    least = count;
  });
  return rarest;
}

void CandidateIndex::ChooseNames(const Counts& counts) {
  absl::flat_hash_map<Name, std::size_t> uses;
  for (const Candidate& candidate : candidates_) {
    const std::optional<Demand> demand = Rarest(candidate, counts, /*chosen_only=*/false);
    if (demand.has_value()) ++uses[demand->first];
  }
  std::vector<std::pair<Name, std::size_t>> ordered(uses.begin(), uses.end());
  const std::size_t kept = std::min(kMaxNames, ordered.size());
  const auto more_used = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first.text < b.first.text;
  };
  std::partial_sort(ordered.begin(), ordered.begin() + static_cast<std::ptrdiff_t>(kept), ordered.end(), more_used);
  for (std::size_t i = 0; i < kept; ++i) names_.push_back(ordered[i].first);
}

}  // namespace portreeve::route
