// CrdTable: the CustomResourceDefinitions that this controller has to do with.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "controller/kube/kind.h"
#include "controller/kube/object_sink.h"

namespace portreeve::kube {

// Any thread.
class CrdTable final : public ObjectSink {
 public:
  // Told of each one that came, changed or went, by its name.
  using OnChange = std::function<void(const std::string& name)>;

  explicit CrdTable(OnChange on_change) : on_change_(std::move(on_change)) {}

  void BeginList() override;
  void Listed(const gatewayapi::YamlNode& object) override;
  void EndList() override;
  void AbandonList() override;
  void Changed(const gatewayapi::YamlNode& object) override;
  void Deleted(const gatewayapi::YamlNode& object) override;
  void KindGone() override;

  // By name.
  std::vector<CrdInfo> All() const;

 private:
  using Infos = std::map<std::string, CrdInfo>;

  void Replace(Infos now);

  const OnChange on_change_;
  mutable std::mutex mutex_;
  Infos known_;
  Infos staged_;  // the list that is being read; the reflector's thread only
};

// Why the Gateway API's CRDs among them aren't of a version that this release was made for, with the remedy; empty if
// all are.
std::string ProblemOfVersions(const std::vector<CrdInfo>& crds);

}  // namespace portreeve::kube
