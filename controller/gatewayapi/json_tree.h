// JSON text as the tree that YAML gives, without yaml-cpp: an API server sends objects by the thousand.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "controller/gatewayapi/yaml_tree.h"

namespace portreeve::gatewayapi {

struct JsonTree {
  YamlNode root;      // its nodes have no line: 0
  std::string error;  // empty if all of it was read; never quotes the text
};

// Lists and mappings below one of these keys are left out, wherever they stand: they cost no memory. A text below such
// a key (a label that is called so) stays.
using SkippedKeys = std::span<const std::string_view>;

// Not deeper than kMaxYamlDepth.
JsonTree ParseJson(std::string_view text, SkippedKeys skip = {});

// For a List: each entry of its "items" is given to `on_item` as soon as it has been read, and isn't kept; the tree
// holds the rest. With an error, what was given before is right as far as it goes, but not all.
JsonTree ParseJsonList(std::string_view text, SkippedKeys skip, const std::function<void(const YamlNode&)>& on_item);

// A tree as JSON. Of YAML, plain scalars that are JSON's numbers and booleans stay what they are; others become texts.
std::string ToJson(const YamlNode& node);

// The text of a scalar below these keys, "" if there is none: TextAt(object, {"metadata", "resourceVersion"}).
std::string_view TextAt(const YamlNode& node, std::initializer_list<std::string_view> path);
// The node below these keys; nullptr if there is none.
const YamlNode* NodeAt(const YamlNode& node, std::initializer_list<std::string_view> path);

}  // namespace portreeve::gatewayapi
