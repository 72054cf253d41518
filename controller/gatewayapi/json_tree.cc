#include "controller/gatewayapi/json_tree.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace portreeve::gatewayapi {
namespace {

using nlohmann::json;

// What nlohmann's parser tells of. Only the deepest open node grows, so the pointers to those above it hold.
class TreeBuilder {
 public:
  using ItemFunction = std::function<void(const YamlNode&)>;

  TreeBuilder(SkippedKeys skip, const ItemFunction* on_item, JsonTree* tree)
      : skip_(skip), on_item_(on_item), tree_(tree) {}

  bool null() { return Add(YamlNode::Kind::kNull, false, {}); }
  bool boolean(bool value) { return Add(YamlNode::Kind::kScalar, true, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return Add(YamlNode::Kind::kScalar, true, std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) { return Add(YamlNode::Kind::kScalar, true, std::to_string(value)); }
  bool number_float(double, const std::string& text) { return Add(YamlNode::Kind::kScalar, true, text); }
  bool string(std::string& value) { return Add(YamlNode::Kind::kScalar, false, std::move(value)); }
  bool binary(json::binary_t&) { return Fail("holds binary data"); }  // JSON has none
  bool start_object(std::size_t) { return Open(YamlNode::Kind::kMapping); }
  bool start_array(std::size_t) { return Open(YamlNode::Kind::kSequence); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }

  bool key(std::string& name) {
    if (skipping_ > 0) return true;
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) {
    return Fail("not JSON at byte " + std::to_string(position));
  }

 private:
  bool Fail(std::string why) {
    if (tree_->error.empty()) tree_->error = std::move(why);
    return false;
  }

  // The place for the next value.
  YamlNode* Place() {
    if (open_.empty()) return &tree_->root;
    YamlNode* parent = open_.back();
    if (parent == items_) return &item_;
    if (parent->kind == YamlNode::Kind::kMapping) parent->keys.push_back({std::move(key_), 0, 0});
    return &parent->items.emplace_back();
  }

  bool Add(YamlNode::Kind kind, bool plain, std::string text) {
    if (skipping_ > 0) return true;
    YamlNode* node = Place();
    node->kind = kind;
    node->plain = plain;
    node->text = std::move(text);
    if (node == &item_) GiveItem();
    return true;
  }

  bool Open(YamlNode::Kind kind) {
    if (++depth_ > static_cast<std::size_t>(kMaxYamlDepth)) {
      return Fail("nested deeper than " + std::to_string(kMaxYamlDepth) + " levels");
    }
    const bool in_mapping = !open_.empty() && open_.back()->kind == YamlNode::Kind::kMapping;
    if (skipping_ > 0 || (in_mapping && std::ranges::find(skip_, key_) != skip_.end())) {
      ++skipping_;
      return true;
    }
    const bool are_items = on_item_ != nullptr && items_ == nullptr && open_.size() == 1 && in_mapping &&
                           kind == YamlNode::Kind::kSequence && key_ == "items";
    YamlNode* node = Place();
    node->kind = kind;
    open_.push_back(node);
    if (are_items) items_ = node;
    return true;
  }

  bool Close() {
    --depth_;
    if (skipping_ > 0) {
      --skipping_;
      return true;
    }
    YamlNode* node = open_.back();
    open_.pop_back();
    if (node == items_) items_ = nullptr;
    if (node == &item_) GiveItem();
    return true;
  }

  void GiveItem() {
    (*on_item_)(item_);
    item_ = YamlNode();
  }

  const SkippedKeys skip_;
  const ItemFunction* on_item_;
  JsonTree* tree_;
  std::vector<YamlNode*> open_;
  std::size_t depth_ = 0;     // what is skipped counts, too
  std::size_t skipping_ = 0;  // levels below the skipped key
  std::string key_;
  YamlNode* items_ = nullptr;  // the list whose entries are given away, while it is open
  YamlNode item_;
};

JsonTree Parse(std::string_view text, SkippedKeys skip, const TreeBuilder::ItemFunction* on_item) {
  JsonTree tree;
  TreeBuilder builder(skip, on_item, &tree);
  if (!json::sax_parse(text.begin(), text.end(), &builder) && tree.error.empty()) tree.error = "not JSON";
  if (!tree.error.empty()) tree.root = YamlNode();
  return tree;
}

std::size_t SkipDigits(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?
bool IsNumber(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = at;
  at = SkipDigits(text, at);
  if (at == whole || (text[whole] == '0' && at > whole + 1)) return false;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = at + 1;
    at = SkipDigits(text, fraction);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t exponent = at;
    at = SkipDigits(text, exponent);
    if (at == exponent) return false;
  }
  return at == text.size();
}

}  // namespace

JsonTree ParseJson(std::string_view text, SkippedKeys skip) {
  return Parse(text, skip, nullptr);
}

JsonTree ParseJsonList(std::string_view text, SkippedKeys skip, const std::function<void(const YamlNode&)>& on_item) {
  return Parse(text, skip, &on_item);
}

const YamlNode* NodeAt(const YamlNode& node, std::initializer_list<std::string_view> path) {
  const YamlNode* at = &node;
  for (const std::string_view name : path) {
    const auto key = std::ranges::find(at->keys, name, &YamlKey::text);
    if (key == at->keys.end()) return nullptr;
    at = &at->items[static_cast<std::size_t>(key - at->keys.begin())];
  }
  return at;
}

std::string_view TextAt(const YamlNode& node, std::initializer_list<std::string_view> path) {
  const YamlNode* at = NodeAt(node, path);
  return at != nullptr && at->kind == YamlNode::Kind::kScalar ? std::string_view(at->text) : std::string_view();
}

std::string ToJson(const YamlNode& node) {
  const auto quoted = [](const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  std::string json;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      // YAML has plain texts, too.
      return node.plain && (node.text == "true" || node.text == "false" || IsNumber(node.text)) ? node.text
                                                                                                : quoted(node.text);
    case YamlNode::Kind::kSequence:
      for (const YamlNode& item : node.items) json += (json.empty() ? "" : ",") + ToJson(item);
      return "[" + json + "]";
    case YamlNode::Kind::kMapping:
      break;
  }
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    json += (json.empty() ? "" : ",") + quoted(node.keys[i].text) + ":" + ToJson(node.items[i]);
  }
  return "{" + json + "}";
}

}  // namespace portreeve::gatewayapi
