// Entries that ask the same of the path, in order of precedence.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/route/request_values.h"
#include "dataplane/route/route_entry.h"

namespace portreeve::route {

// What remains of a RouteEntry once its path and its place are settled.
struct Candidate {
  explicit Candidate(RouteEntry entry);

  std::shared_ptr<const config::Rule> rule;
  std::uint32_t match_index = 0;
  // Asks for nothing but the path. Stands with `rule`, so that most look-ups touch one cache line of this.
  bool plain = false;
  std::string method;
  std::vector<ValueMatch> headers;
  std::vector<ValueMatch> query;
};

// Whether everything but the path holds.
bool Holds(const Candidate& candidate, RequestValues& request);

// Finds candidates of a long list by the exact values that they ask for: 100,000 on one path that differ by a header
// cost one look-up. Immutable; made of candidates that outlive it and don't move.
class CandidateIndex {
 public:
  // Shorter lists are better walked.
  static constexpr std::size_t kMinSize = 16;

  explicit CandidateIndex(std::span<const Candidate> candidates);

  // The first one that holds, or null.
  const Candidate* Find(RequestValues& request) const;

 private:
  // A header or query parameter by whose value candidates are told apart.
  struct Name {
    bool query = false;
    std::string_view text;
    http::HeaderId id = http::HeaderId::kOther;
    friend bool operator==(const Name& a, const Name& b) { return a.query == b.query && a.text == b.text; }
    template <typename H>
    friend H AbslHashValue(H h, const Name& name) {
      return H::combine(std::move(h), name.query, name.text);
    }
  };
  using Demand = std::pair<Name, std::string_view>;
  using Counts = absl::flat_hash_map<Demand, std::size_t>;

  // Each name costs a look at the request; more than this are rare.
  static constexpr std::size_t kMaxNames = 8;

  template <typename F>
  static void ForEachExact(const Candidate& candidate, F f);
  // The one that fewest candidates share; of the chosen names only, if so asked.
  std::optional<Demand> Rarest(const Candidate& candidate, const Counts& counts, bool chosen_only) const;
  void ChooseNames(const Counts& counts);

  std::span<const Candidate> candidates_;
  // Those that tell most candidates apart.
  std::vector<Name> names_;
  // Each candidate is in one bucket, or among the rest; positions ascend.
  absl::flat_hash_map<Demand, std::vector<std::uint32_t>> buckets_;
  std::vector<std::uint32_t> rest_;
};

}  // namespace portreeve::route
