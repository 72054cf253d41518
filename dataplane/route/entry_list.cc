#include "dataplane/route/entry_list.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace portreeve::route {
namespace {

// A header or query parameter by whose value candidates are told apart.
struct Discriminator {
  bool query = false;
  std::string_view name;
  http::HeaderId id = http::HeaderId::kOther;
  friend bool operator==(const Discriminator& a, const Discriminator& b) {
    return a.query == b.query && a.name == b.name;
  }
  template <typename H>
  friend H AbslHashValue(H h, const Discriminator& d) {
    return H::combine(std::move(h), d.query, d.name);
  }
};
using Demand = std::pair<Discriminator, std::string_view>;

template <typename F>
void ForEachExact(const Candidate& candidate, F f) {
  for (const ValueMatch& match : candidate.headers) {
    if (match.type == ValueMatch::Type::kExact) f(Demand({false, match.name, match.id}, match.value));
  }
  for (const ValueMatch& match : candidate.query) {
    if (match.type == ValueMatch::Type::kExact) f(Demand({true, match.name, http::HeaderId::kOther}, match.value));
  }
}

}  // namespace

bool Holds(const Candidate& candidate, RequestValues& request) {
  if (!candidate.method.empty() && candidate.method != request.head().method) return false;
  for (const ValueMatch& match : candidate.headers) {
    if (!Holds(match, request.Header(match.id, match.name))) return false;
  }
  for (const ValueMatch& match : candidate.query) {
    if (!Holds(match, request.Query(match.name))) return false;
  }
  return true;
}

// Each candidate is in one bucket, of the rarest exact value that it asks for, or among the rest. Its views point into
// the candidates, which don't move.
class EntryList::Index {
 public:
  explicit Index(const std::vector<Candidate>& candidates) {
    absl::flat_hash_map<Demand, std::size_t> demands;
    for (const Candidate& candidate : candidates) {
      ForEachExact(candidate, [&](const Demand& demand) { ++demands[demand]; });
    }
    ChooseNames(candidates, demands);
    for (std::uint32_t i = 0; i < candidates.size(); ++i) {
      const std::optional<Demand> demand = Rarest(candidates[i], demands, /*chosen_only=*/true);
      if (demand.has_value()) {
        buckets_[*demand].push_back(i);
      } else {
        rest_.push_back(i);
      }
    }
  }

  const Candidate* Find(const std::vector<Candidate>& candidates, RequestValues& request) const {
    std::size_t best = candidates.size();
    const auto scan = [&](const std::vector<std::uint32_t>& bucket) {
      for (const std::uint32_t i : bucket) {
        if (i >= best) return;
        if (Holds(candidates[i], request)) {
          best = i;
          return;
        }
      }
    };
    for (const Discriminator& name : names_) {
      const std::optional<std::string_view> value =
          name.query ? request.Query(name.name) : request.Header(name.id, name.name);
      if (!value.has_value()) continue;
      const auto bucket = buckets_.find(Demand(name, *value));
      if (bucket != buckets_.end()) scan(bucket->second);
    }
    scan(rest_);
    return best < candidates.size() ? &candidates[best] : nullptr;
  }

 private:
  // Each costs a look at the request; more names than this are rare.
  static constexpr std::size_t kMaxNames = 8;

  std::optional<Demand> Rarest(const Candidate& candidate, const absl::flat_hash_map<Demand, std::size_t>& demands,
                               bool chosen_only) const {
    std::optional<Demand> rarest;
    std::size_t count = 0;
    ForEachExact(candidate, [&](const Demand& demand) {
      if (chosen_only && std::find(names_.begin(), names_.end(), demand.first) == names_.end()) return;
      const std::size_t occurs = demands.at(demand);
      if (rarest.has_value() && occurs >= count) return;
      rarest = demand;
      count = occurs;
    });
    return rarest;
  }

  // The names that tell most candidates apart.
  void ChooseNames(const std::vector<Candidate>& candidates, const absl::flat_hash_map<Demand, std::size_t>& demands) {
    absl::flat_hash_map<Discriminator, std::size_t> uses;
    for (const Candidate& candidate : candidates) {
      const std::optional<Demand> demand = Rarest(candidate, demands, /*chosen_only=*/false);
      if (demand.has_value()) ++uses[demand->first];
    }
    std::vector<std::pair<std::size_t, Discriminator>> ordered;
    for (const auto& [name, count] : uses) ordered.emplace_back(count, name);
    const std::size_t kept = std::min(kMaxNames, ordered.size());
    std::partial_sort(ordered.begin(), ordered.begin() + static_cast<std::ptrdiff_t>(kept), ordered.end(),
                      [](const auto& a, const auto& b) {
                        return a.first != b.first ? a.first > b.first : a.second.name < b.second.name;
                      });
    for (std::size_t i = 0; i < kept; ++i) names_.push_back(ordered[i].second);
  }

  std::vector<Discriminator> names_;
  absl::flat_hash_map<Demand, std::vector<std::uint32_t>> buckets_;
  std::vector<std::uint32_t> rest_;
};

EntryList::EntryList(std::vector<Candidate> sorted) : candidates_(std::move(sorted)) {
  if (candidates_.size() > kIndexedSize) index_ = std::make_unique<const Index>(candidates_);
}
EntryList::EntryList(EntryList&&) noexcept = default;
EntryList& EntryList::operator=(EntryList&&) noexcept = default;
EntryList::~EntryList() = default;

const Candidate* EntryList::Find(RequestValues& request) const {
  if (index_ != nullptr) return index_->Find(candidates_, request);
  for (const Candidate& candidate : candidates_) {
    if (Holds(candidate, request)) return &candidate;
  }
  return nullptr;
}

}  // namespace portreeve::route
