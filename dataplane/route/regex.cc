#include "dataplane/route/regex.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace portreeve::route {
namespace {

// For RE2's state cache, per pattern: with less it often falls back to its slower engine, with more a thousand patterns
// could take a gigabyte.
constexpr std::int64_t kMaxMemoryBytes = 256 * 1024;
constexpr int kMaxRangeBytes = 256;

re2::StringPiece Piece(std::string_view text) {
  return {text.data(), text.size()};
}

bool IsLiteral(char c) {
  return c == '/' || (static_cast<unsigned char>(c) >= 0x20 &&
                      std::string_view("\\.+*?()|[]{}^$").find(c) == std::string_view::npos);
}

// The characters that the pattern demands first, as far as they stand there plainly. RE2's range alone can't tell
// "/a.*" from "/[ab]".
std::string PlainStart(std::string_view pattern) {
  std::string result;
  if (pattern.find('|') != std::string_view::npos) return result;
  if (pattern.starts_with('^')) pattern.remove_prefix(1);
  while (!pattern.empty()) {
    const bool escaped = pattern.size() > 1 && pattern[0] == '\\' && !IsLiteral(pattern[1]);
    if (!escaped && !IsLiteral(pattern[0])) break;
    result += escaped ? pattern[1] : pattern[0];
    pattern.remove_prefix(escaped ? 2 : 1);
  }
  const bool optional = !pattern.empty() && (pattern[0] == '*' || pattern[0] == '?' || pattern[0] == '{');
  if (optional && !result.empty()) result.pop_back();
  return result;
}

RE2::Options CompileOptions() {
  RE2::Options options;
  // Paths and field values are bytes; "." matches any of them.
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMaxMemoryBytes);
  return options;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Regex>> Regex::Compile(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the pattern has ", pattern.size(), " bytes, more than ", kMaxPatternBytes));
  }
  auto compiled = std::make_unique<RE2>(Piece(pattern), CompileOptions());
  if (!compiled->ok()) {
    return absl::InvalidArgumentError(absl::StrCat("not a regular expression in RE2's syntax: ", compiled->error()));
  }
  if (compiled->ProgramSize() > kMaxProgramSize) {
    return absl::InvalidArgumentError(absl::StrCat("the pattern is too costly: it takes ", compiled->ProgramSize(),
                                                   " instructions, more than ", kMaxProgramSize));
  }
  return std::shared_ptr<const Regex>(new Regex(pattern, std::move(compiled)));
}

Regex::Regex(std::string_view pattern, std::unique_ptr<re2::RE2> compiled)
    : pattern_(pattern), compiled_(std::move(compiled)), literal_prefix_(PlainStart(pattern)) {
  if (!compiled_->PossibleMatchRange(&least_, &greatest_, kMaxRangeBytes)) {
    least_.clear();
    greatest_.clear();
    return;
  }
  unbounded_ = false;
  const auto differ = std::mismatch(least_.begin(), least_.end(), greatest_.begin(), greatest_.end());
  std::string shared(least_.begin(), differ.first);
  if (shared.size() > literal_prefix_.size()) literal_prefix_ = std::move(shared);
}

Regex::~Regex() = default;

bool Regex::Run(std::string_view text) const {
  return RE2::FullMatch(Piece(text), *compiled_);
}

}  // namespace portreeve::route
