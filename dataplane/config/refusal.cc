#include "dataplane/config/refusal.h"

#include <string_view>
#include <utility>

namespace portreeve::config {

Refusal RefusalOf(std::string key, std::string version, std::string origin, const absl::Status& error) {
  const std::string text(error.message());
  const std::size_t colon = text.find(": ");
  // A field path has no blanks.
  const bool has_field = colon != std::string::npos && text.find(' ') > colon;
  Refusal refusal{std::move(key), std::move(version), std::move(origin), "", text};
  if (has_field) {
    refusal.field = text.substr(0, colon);
    refusal.message = text.substr(colon + 2);
  }
  return refusal;
}

}  // namespace portreeve::config
