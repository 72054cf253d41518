#include "controller/kube/crd_table.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace portreeve::kube {

using gatewayapi::YamlNode;

namespace {

constexpr std::string_view kGatewayApi = ".gateway.networking.k8s.io";
// Of major version 1: the first in which all that we read had its present form, and the one we were made for.
constexpr std::int32_t kOldestMinor = 1;
constexpr std::int32_t kNewestMinor = 7;

// "v1.7.0", also with a suffix as in "v1.7.0-rc.1".
bool IsKnownBundle(std::string_view version) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(version), '.');
  std::int32_t minor = 0;
  return parts.size() >= 3 && parts[0] == "v1" && absl::SimpleAtoi(parts[1], &minor) && minor >= kOldestMinor &&
         minor <= kNewestMinor;
}

}  // namespace

void CrdTable::BeginList() {
  staged_.clear();
}

void CrdTable::Listed(const YamlNode& object) {
  if (!IsOurCrd(NameIn(object).name)) return;
  CrdInfo info = DecodeCrd(object);
  staged_[info.name] = std::move(info);
}

void CrdTable::EndList() {
  Replace(std::exchange(staged_, {}));
}

void CrdTable::AbandonList() {
  staged_.clear();
}

void CrdTable::Changed(const YamlNode& object) {
  if (!IsOurCrd(NameIn(object).name)) return;
  CrdInfo info = DecodeCrd(object);
  Infos now;
  {
    const std::lock_guard lock(mutex_);
    now = known_;
  }
  now[info.name] = std::move(info);
  Replace(std::move(now));
}

void CrdTable::Deleted(const YamlNode& object) {
  Infos now;
  {
    const std::lock_guard lock(mutex_);
    now = known_;
  }
  now.erase(NameIn(object).name);
  Replace(std::move(now));
}

void CrdTable::KindGone() {
  Replace({});
}

void CrdTable::Replace(Infos now) {
  std::vector<std::string> changed;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, info] : now) {
      const auto before = known_.find(name);
      if (before == known_.end() || before->second != info) changed.push_back(name);
    }
    for (const auto& [name, info] : known_) {
      if (!now.contains(name)) changed.push_back(name);
    }
    known_ = std::move(now);
  }
  for (const std::string& name : changed) on_change_(name);
}

std::vector<CrdInfo> CrdTable::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<CrdInfo> all;
  for (const auto& [name, info] : known_) all.push_back(info);
  return all;
}

std::string ProblemOfVersions(const std::vector<CrdInfo>& crds) {
  for (const CrdInfo& crd : crds) {
    if (!crd.name.ends_with(kGatewayApi) || IsKnownBundle(crd.bundle_version)) continue;
    return absl::StrCat("CustomResourceDefinition ", crd.name, " is of ",
                        crd.bundle_version.empty() ? "an unknown version" : crd.bundle_version,
                        " of the Gateway API, and this release knows v1.", kOldestMinor, " to v1.", kNewestMinor,
                        ": what is new there may be ignored; install v1.", kNewestMinor, ".0, or upgrade Portreeve");
  }
  return {};
}

}  // namespace portreeve::kube
