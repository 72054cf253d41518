// Regular expressions of routes: RE2 behind a wall, so that its headers stay in one source.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace portreeve::route {

// A compiled pattern in RE2's syntax, over bytes, with case unless it says (?i), always anchored at both ends.
// Immutable; shared by all entries of a rule and used by any thread. Matching takes time linear in the text. (RE2
// guards its own state cache with a reader lock, which is all the locking there is.)
class Regex {
 public:
  // A pattern may not be longer, nor need more instructions. A path of 8 KiB, made to hurt a pattern made to hurt
  // (".*a.{90}b"), then takes some 10 ms, and 0.1 ms with patterns as people write them; two UUIDs in one path need 150
  // instructions.
  static constexpr std::size_t kMaxPatternBytes = 1024;
  static constexpr int kMaxProgramSize = 200;

  // InvalidArgument with RE2's words for a pattern that doesn't parse or is over a limit.
  static absl::StatusOr<std::shared_ptr<const Regex>> Compile(std::string_view pattern);

  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // Whether the pattern matches all of `text`.
  bool Matches(std::string_view text) const { return text >= least_ && (unbounded_ || text <= greatest_) && Run(text); }

  const std::string& pattern() const { return pattern_; }
  // What every matching text begins with; maybe empty, maybe shorter than it could be.
  const std::string& literal_prefix() const { return literal_prefix_; }

 private:
  Regex(std::string_view pattern, std::unique_ptr<re2::RE2> compiled);
  bool Run(std::string_view text) const;

  std::string pattern_;
  std::unique_ptr<re2::RE2> compiled_;
  // Every matching text lies between these two, both included; a filter that costs two comparisons.
  std::string least_;
  std::string greatest_;
  bool unbounded_ = true;
  std::string literal_prefix_;
};

}  // namespace portreeve::route
