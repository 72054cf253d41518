#include "controller/gatewayapi/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <map>
#include <optional>
#include <streambuf>
#include <utility>

#include "absl/strings/str_cat.h"

namespace portreeve::gatewayapi {
namespace {

// Thrown through yaml-cpp, which has no other way to stop; caught in ParseYaml.
struct Stop {
  YamlError error;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    // On a token that may not stand there, such as a stray "}", yaml-cpp gives empty documents for ever.
    if (mark.pos == last_start_) throw Stop{{mark.line + 1, mark.column + 1, "unexpected character"}};
    last_start_ = mark.pos;
    stack_.clear();
    root_.reset();
    anchors_.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Attach(At(mark), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto it = anchors_.find(anchor);
    if (it == anchors_.end()) throw Stop{{mark.line + 1, mark.column + 1, "an alias stands inside its own anchor"}};
    from_aliases_ += it->second.nodes;
    if (from_aliases_ > kMaxNodesFromAliases) {
      throw Stop{{mark.line + 1, mark.column + 1,
                  absl::StrCat("aliases make more than ", kMaxNodesFromAliases, " nodes out of this text")}};
    }
    nodes_ += it->second.nodes;
    Attach(YamlNode(it->second.node), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = At(mark);
    node.kind = YamlNode::Kind::kScalar;
    node.text = value;
    node.plain = tag == "?" || tag.empty();
    if (!node.plain && tag != "!" && tag != "tag:yaml.org,2002:str") RefuseTag(mark);
    Attach(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (tag.size() > 1 && tag != "tag:yaml.org,2002:seq") RefuseTag(mark);
    Open(mark, YamlNode::Kind::kSequence, anchor);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (tag.size() > 1 && tag != "tag:yaml.org,2002:map") RefuseTag(mark);
    Open(mark, YamlNode::Kind::kMapping, anchor);
  }
  void OnMapEnd() override { Close(); }

  YamlNode TakeRoot() { return root_ ? *std::exchange(root_, std::nullopt) : YamlNode(); }

 private:
  struct Open_ {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    size_t first_node = 0;  // how many nodes there were before it
    std::optional<YamlKey> key;
  };
  struct Anchored {
    YamlNode node;
    size_t nodes = 0;
  };

  static YamlNode At(const YAML::Mark& mark) {
    YamlNode node;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  [[noreturn]] static void RefuseTag(const YAML::Mark& mark) {
    throw Stop{{mark.line + 1, mark.column + 1, "tags are not supported here, remove it"}};
  }

  void Open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor) {
    if (stack_.size() >= kMaxYamlDepth) {
      throw Stop{{mark.line + 1, mark.column + 1, absl::StrCat("nested deeper than ", kMaxYamlDepth, " levels")}};
    }
    Open_ open;
    open.node = At(mark);
    open.node.kind = kind;
    open.anchor = anchor;
    open.first_node = nodes_;
    stack_.push_back(std::move(open));
  }

  void Close() {
    Open_ open = std::move(stack_.back());
    stack_.pop_back();
    const size_t inside = nodes_ - open.first_node;
    Attach(std::move(open.node), open.anchor, inside + 1);
  }

  void Attach(YamlNode node, YAML::anchor_t anchor, size_t size = 1) {
    if (++nodes_ > kMaxYamlNodes) {
      throw Stop{{node.line, node.column, absl::StrCat("more than ", kMaxYamlNodes, " values in one document")}};
    }
    if (anchor != 0 && size <= kMaxNodesFromAliases) anchors_[anchor] = Anchored{node, size};
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open_& parent = stack_.back();
    if (parent.node.kind == YamlNode::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind != YamlNode::Kind::kScalar) throw Stop{{node.line, node.column, "a key must be plain text"}};
      parent.key = YamlKey{std::move(node.text), node.line, node.column};
    } else {
      parent.node.keys.push_back(*std::exchange(parent.key, std::nullopt));
      parent.node.items.push_back(std::move(node));
    }
  }

  std::vector<Open_> stack_;
  std::optional<YamlNode> root_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t nodes_ = 0;
  size_t from_aliases_ = 0;
  int last_start_ = -1;
};

// Reads from memory that somebody else owns; std::istringstream would copy it.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // the get area is never written to
    setg(begin, begin, begin + text.size());
  }
};

// Length of the UTF-8 sequence at the start of `text`; 0 if there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool too_great = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || too_great ? 0 : length;
}

// yaml-cpp takes byte 4 for the end of the text and guesses encodings from NULs, so bytes are checked before it sees
// them.
std::optional<YamlError> CheckBytes(std::string_view text) {
  int line = 1;
  size_t line_start = 0;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const int column = static_cast<int>(i - line_start) + 1;
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return YamlError{line, column, "control character"};
    if (c == 0x7F) return YamlError{line, column, "control character"};
    const size_t length = SequenceLength(text.substr(i));
    if (length == 0) return YamlError{line, column, "not UTF-8"};
    i += length;
    if (c == '\n') {
      ++line;
      line_start = i;
    }
  }
  return std::nullopt;
}

bool IsMarkerLine(std::string_view line) {
  return line.starts_with("---") && (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

}  // namespace

YamlDocuments ParseYaml(std::string_view text) {
  YamlDocuments result;
  if (std::optional<YamlError> error = CheckBytes(text)) {
    result.errors.push_back(*std::move(error));
    return result;
  }
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    TreeBuilder builder;
    while (parser.HandleNextDocument(builder)) {
      result.documents.push_back(builder.TakeRoot());
    }
  } catch (const Stop& stop) {
    result.errors.push_back(stop.error);
  } catch (const YAML::Exception& e) {
    // The text after the colon of such a message may quote the input.
    std::string message = e.msg.substr(0, e.msg.find(':'));
    result.errors.push_back(
        {e.mark.is_null() ? 1 : e.mark.line + 1, e.mark.is_null() ? 1 : e.mark.column + 1, message});
  }
  return result;
}

std::vector<DocumentText> SplitDocuments(std::string_view text) {
  std::vector<DocumentText> documents;
  DocumentText current{text.substr(0, 0), 1};
  size_t start = 0;
  int line_number = 1;
  for (size_t at = 0; at < text.size(); ++line_number) {
    const size_t end = text.find('\n', at);
    const std::string_view line = text.substr(at, end == std::string_view::npos ? end : end - at);
    if (!line.empty() && line[0] == '%') return {DocumentText{text, 1}};
    if (IsMarkerLine(line) && at > start) {
      documents.push_back({text.substr(start, at - start), current.first_line});
      start = at;
      current.first_line = line_number;
    }
    at = end == std::string_view::npos ? text.size() : end + 1;
  }
  if (start < text.size()) documents.push_back({text.substr(start), current.first_line});
  return documents;
}

}  // namespace portreeve::gatewayapi
