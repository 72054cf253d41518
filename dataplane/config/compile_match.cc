#include "dataplane/config/compile_match.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <utility>

#include "dataplane/filter/field_checks.h"
#include "portreeve/config/v1/match.pb.h"

namespace portreeve::config {
namespace {

using filter::FieldError;

constexpr const char* kUnknownType = "unknown to this data plane; upgrade it";
constexpr std::size_t kMaxMethod = 32;

absl::Status InField(const std::string& field, const absl::Status& status) {
  return FieldError(field, std::string(status.message()));
}

absl::StatusOr<route::PathMatch> CompilePath(const v1::PathMatch& path, const std::string& field) {
  route::PathMatch::Type type = route::PathMatch::Type::kExact;
  switch (path.type()) {
    case v1::PathMatch::EXACT:
      break;
    case v1::PathMatch::PREFIX:
      type = route::PathMatch::Type::kPrefix;
      break;
    case v1::PathMatch::REGEX:
      type = route::PathMatch::Type::kRegex;
      break;
    default:
      return FieldError(absl::StrCat(field, ".type"), kUnknownType);
  }
  absl::StatusOr<route::PathMatch> compiled = route::PathMatch::Create(type, path.value());
  if (!compiled.ok()) return InField(absl::StrCat(field, ".value"), compiled.status());
  return compiled;
}

using Create = absl::StatusOr<route::ValueMatch> (*)(route::ValueMatch::Type, std::string_view, std::string_view);

absl::StatusOr<route::ValueMatch> CompileValue(const v1::ValueMatch& value, const std::string& field, Create create) {
  route::ValueMatch::Type type = route::ValueMatch::Type::kExact;
  switch (value.type()) {
    case v1::ValueMatch::EXACT:
      break;
    case v1::ValueMatch::REGEX:
      type = route::ValueMatch::Type::kRegex;
      break;
    default:
      return FieldError(absl::StrCat(field, ".type"), kUnknownType);
  }
  absl::StatusOr<route::ValueMatch> compiled = create(type, value.name(), value.value());
  if (!compiled.ok()) return InField(field, compiled.status());
  return compiled;
}

}  // namespace

absl::StatusOr<route::Match> CompileMatch(const v1::Match& match, std::string_view field) {
  const std::string at(field);
  route::Match compiled;
  absl::StatusOr<route::PathMatch> path = CompilePath(match.path(), absl::StrCat(at, ".path"));
  if (!path.ok()) return path.status();
  compiled.path = *std::move(path);
  for (int i = 0; i < match.headers_size(); ++i) {
    auto header = CompileValue(match.headers(i), absl::StrCat(at, ".headers[", i, "]"), route::ValueMatch::Header);
    if (!header.ok()) return header.status();
    compiled.headers.push_back(*std::move(header));
  }
  for (int i = 0; i < match.query_size(); ++i) {
    auto query = CompileValue(match.query(i), absl::StrCat(at, ".query[", i, "]"), route::ValueMatch::Query);
    if (!query.ok()) return query.status();
    compiled.query.push_back(*std::move(query));
  }
  if (match.method().size() > kMaxMethod) return FieldError(absl::StrCat(at, ".method"), "longer than 32 bytes");
  compiled.method = match.method();
  return compiled;
}

}  // namespace portreeve::config
