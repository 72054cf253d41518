// Entries that ask the same of the path, in order of precedence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/route/request_values.h"
#include "dataplane/route/route_entry.h"

namespace portreeve::route {

// What remains of a RouteEntry once its path and its place are settled.
struct Candidate {
  std::shared_ptr<const config::Rule> rule;
  std::uint32_t match_index = 0;
  std::string method;
  std::vector<ValueMatch> headers;
  std::vector<ValueMatch> query;
};

// Whether everything but the path holds.
bool Holds(const Candidate& candidate, RequestValues& request);

// Immutable once made.
class EntryList {
 public:
  explicit EntryList(std::vector<Candidate> sorted);
  EntryList(EntryList&&) noexcept;
  EntryList& operator=(EntryList&&) noexcept;
  ~EntryList();

  // The first candidate that holds, or null. Candidates of a long list that ask for exact values are found by these:
  // 100,000 on one path that differ by a header cost one look-up.
  const Candidate* Find(RequestValues& request) const;

 private:
  class Index;
  // Shorter lists are walked.
  static constexpr std::size_t kIndexedSize = 16;

  std::vector<Candidate> candidates_;
  std::unique_ptr<const Index> index_;
};

}  // namespace portreeve::route
