// YAML text (JSON is part of it) as a plain tree with the place of every key and value. Bounded: neither depth nor
// aliases make it grow beyond what the text is worth.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portreeve::gatewayapi {

struct YamlKey {
  std::string text;
  int line = 0;
  int column = 0;
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  bool plain = false;  // a scalar without quotes, which may mean a number or a boolean
  int line = 0;        // from 1
  int column = 0;
  std::string text;             // of a scalar
  std::vector<YamlKey> keys;    // of a mapping: keys[i] belongs to items[i]; a key may occur twice
  std::vector<YamlNode> items;  // of a sequence or mapping
};

struct YamlError {
  int line = 0;
  int column = 0;
  std::string message;  // says what YAML expected, never what stood there
};

struct YamlDocuments {
  std::vector<YamlNode> documents;
  std::vector<YamlError> errors;  // at most one: parsing ends there
};

inline constexpr int kMaxYamlDepth = 64;
inline constexpr size_t kMaxYamlNodes = 2'000'000;
inline constexpr size_t kMaxNodesFromAliases = 10'000;  // in one text

YamlDocuments ParseYaml(std::string_view text);

// One document of a text, cut out so that it can be decoded (and remembered) alone.
struct DocumentText {
  std::string_view text;
  int first_line = 1;  // its first line is this line of the whole
};

// Cuts at the lines that begin with "---", which YAML allows nowhere else. A text with directives stays whole.
std::vector<DocumentText> SplitDocuments(std::string_view text);

}  // namespace portreeve::gatewayapi
