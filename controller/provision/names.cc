#include "controller/provision/names.h"

#include <absl/strings/escaping.h>
#include <openssl/sha.h>

#include <cstddef>
#include <tuple>
#include <utility>

namespace portreeve::provision {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kHashDigits = 8;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

// `text` cut to `max`, without anything at its end that may not stand there.
std::string Cut(std::string_view text, std::size_t max) {
  text = text.substr(0, max);
  while (!text.empty() && !IsAlphanumeric(text.back())) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

std::string ShortHash(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return absl::BytesToHexString(std::string(reinterpret_cast<const char*>(digest), kHashDigits / 2));
}

std::string ObjectName(std::string_view gateway, std::string_view gateway_class) {
  std::string name(gateway);
  name += '-';
  name += gateway_class;
  std::string label;
  // Names of objects may begin with a digit and hold dots; those of Services may not.
  if (name.front() >= '0' && name.front() <= '9') label = "gw-";
  for (const char c : name) label += c == '.' ? '-' : c;
  if (label == name && name.size() <= kMaxLabel) return name;
  return Cut(label, kMaxLabel - kHashDigits - 1) + "-" + ShortHash(name);
}

std::string WithSuffix(const std::string& name, std::string_view suffix) {
  std::string text = name + "-" + std::string(suffix);
  if (text.size() <= kMaxLabel) return text;
  const std::string hash = ShortHash(name);
  return Cut(name, kMaxLabel - hash.size() - suffix.size() - 2) + "-" + hash + "-" + std::string(suffix);
}

std::string LabelValue(std::string_view text) {
  if (text.size() <= kMaxLabel) return std::string(text);
  return Cut(text, kMaxLabel - kHashDigits - 1) + "-" + ShortHash(text);
}

void NameTable::Add(const gatewayapi::Gateway& gateway) {
  const gatewayapi::ObjectMeta& meta = gateway.metadata;
  Owner owner{meta.creation_timestamp, meta.name};
  const std::string name = ObjectName(meta.name, gateway.spec.gateway_class_name);
  const auto [found, added] = owners_.try_emplace({meta.namespace_, name}, owner);
  Owner& known = found->second;
  if (!added && std::tie(owner.created, owner.gateway) < std::tie(known.created, known.gateway)) {
    known = std::move(owner);
  }
}

std::optional<gatewayapi::NamespacedName> NameTable::OwnerOf(const std::string& ns, const std::string& name) const {
  const auto found = owners_.find({ns, name});
  if (found == owners_.end()) return std::nullopt;
  return gatewayapi::NamespacedName{ns, found->second.gateway};
}

}  // namespace portreeve::provision
