#include "controller/gatewayapi/problem.h"

#include "absl/strings/str_cat.h"

namespace portreeve::gatewayapi {

std::string Problem::ToString() const {
  std::string text = file;
  if (line > 0) absl::StrAppend(&text, ":", line, ":", column);
  absl::StrAppend(&text, ": ", severity == Severity::kError ? "error" : "warning", ": ");
  if (!object.empty()) absl::StrAppend(&text, object, ": ");
  if (!field.empty()) absl::StrAppend(&text, field, ": ");
  absl::StrAppend(&text, message);
  if (!remedy.empty()) absl::StrAppend(&text, "; ", remedy);
  return text;
}

}  // namespace portreeve::gatewayapi
