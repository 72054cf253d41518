#include "dataplane/config/hostname_check.h"

#include "dataplane/filter/field_checks.h"

namespace portreeve::config {
namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;

bool IsLabel(std::string_view label) {
  if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') return false;
  for (const char c : label) {
    const bool known = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    if (!known) return false;
  }
  return true;
}

bool IsName(std::string_view name) {
  if (name.size() > kMaxName) return false;
  while (true) {
    const std::size_t dot = name.find('.');
    if (!IsLabel(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

absl::Status CheckHostname(std::string_view field, std::string_view hostname, bool empty_ok) {
  if (hostname.empty() && empty_ok) return absl::OkStatus();
  std::string_view name = hostname;
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (IsName(name)) return absl::OkStatus();
  return filter::FieldError(field, "not a DNS name in lower case, with or without \"*.\" before it");
}

}  // namespace portreeve::config
