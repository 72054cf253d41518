#include "controller/kube/crd_table.h"

#include <utility>

namespace portreeve::kube {

using gatewayapi::YamlNode;

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

}  // namespace portreeve::kube
