// ObjectSink: what a reflector tells of what it has read.
#pragma once

#include "controller/gatewayapi/yaml_tree.h"

namespace portreeve::kube {

// Called by the reflector's thread.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;

  // A list: Begin, each object, and End: what wasn't listed isn't there. Or Abandon, as if it had never begun.
  virtual void BeginList() = 0;
  virtual void Listed(const gatewayapi::YamlNode& object) = 0;
  virtual void EndList() = 0;
  virtual void AbandonList() = 0;

  // From a watch. The same may come twice.
  virtual void Changed(const gatewayapi::YamlNode& object) = 0;
  virtual void Deleted(const gatewayapi::YamlNode& object) = 0;

  // The server has this kind no more, and so none of its objects.
  virtual void KindGone() = 0;
};

}  // namespace portreeve::kube
