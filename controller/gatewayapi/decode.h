// Decode: text of a file (YAML, or JSON) to objects, as strict as the API server: what the CRDs refuse is refused here,
// with file, line, column, object, field and remedy, and what they default is defaulted. Pure; no I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/problem.h"
#include "controller/gatewayapi/types.h"
#include "controller/gatewayapi/yaml_tree.h"

namespace portreeve::gatewayapi {

struct DecodedObject {
  ObjectKey key;
  Object object;  // metadata.generation is 0 unless the text gives it
  int line = 0;   // where the document begins
};

struct DecodedKey {
  ObjectKey key;
  int line = 0;
};

struct DecodeResult {
  std::vector<DecodedObject> objects;  // in the order of the text; a key may occur twice
  std::vector<DecodedKey> refused;     // objects that are there but refused: their last good version should stay
  // Not YAML: whatever the text was meant to hold, nothing of it should change. `objects` is empty then.
  bool syntax_error = false;
  // A document is refused and doesn't say which object it is: it may be any that is missing now.
  bool unnamed_refused = false;
  std::vector<Problem> problems;  // errors, and warnings for kinds that Portreeve doesn't know
};

// Accepts several documents, `kind: List`, and the Gateway API's v1 and v1beta1. An object without namespace is in
// "default", and a Namespace gets its label kubernetes.io/metadata.name, as the API server does it.
DecodeResult DecodeDocuments(std::string_view text, std::string_view file_name);

// One document of a text, as SplitDocuments cuts it. Lines count from document.first_line.
DecodeResult DecodeDocument(const DocumentText& document, std::string_view file_name);

struct DecodedServerObject {
  ObjectKey key;  // without a name if the object doesn't tell it
  std::optional<Object> object;
  std::vector<Problem> problems;  // of an object that is refused; at least one then
};

// One object as an API server gives it in a list or watch of this kind; it need not repeat apiVersion and kind. Fields
// that this version doesn't know are ignored, since the server's schema may be newer or older; all else is checked.
// `origin` stands in problems where a file's name would.
DecodedServerObject DecodeServerObject(Kind kind, const YamlNode& object, std::string_view origin);

}  // namespace portreeve::gatewayapi
