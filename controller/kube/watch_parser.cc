#include "controller/kube/watch_parser.h"

#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>

namespace portreeve::kube {
namespace {

std::optional<WatchEvent::Type> TypeFromName(std::string_view name) {
  using Type = WatchEvent::Type;
  if (name == "ADDED") return Type::kAdded;
  if (name == "MODIFIED") return Type::kModified;
  if (name == "DELETED") return Type::kDeleted;
  if (name == "BOOKMARK") return Type::kBookmark;
  if (name == "ERROR") return Type::kError;
  return std::nullopt;
}

}  // namespace

bool WatchParser::Feed(std::string_view bytes, const OnEvent& on_event) {
  if (!status_.ok()) return false;
  while (true) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > kMaxLineBytes) return Fail("an event is too large");
    if (end == std::string_view::npos) {
      line_.append(part);
      return true;
    }
    bytes.remove_prefix(end + 1);
    bool more = true;
    if (line_.empty()) {
      more = TakeLine(part, on_event);
    } else {
      line_.append(part);
      more = TakeLine(std::exchange(line_, {}), on_event);
    }
    if (!more) return false;
  }
}

bool WatchParser::TakeLine(std::string_view line, const OnEvent& on_event) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  gatewayapi::JsonTree tree = gatewayapi::ParseJson(line, skip_);
  if (!tree.error.empty()) return Fail(tree.error);
  const std::string_view name = gatewayapi::TextAt(tree.root, {"type"});
  if (name.empty()) return Fail("an event has no type");
  // A type that this version doesn't know can't change what is known.
  const std::optional<WatchEvent::Type> type = TypeFromName(name);
  if (!type) return true;
  for (std::size_t i = 0; i < tree.root.keys.size(); ++i) {
    gatewayapi::YamlNode& object = tree.root.items[i];
    if (tree.root.keys[i].text != "object" || object.kind != gatewayapi::YamlNode::Kind::kMapping) continue;
    return on_event(WatchEvent{*type, std::move(object)});
  }
  return Fail("an event has no object");
}

bool WatchParser::Fail(std::string_view why) {
  line_.clear();
  status_ = absl::DataLossError(absl::StrCat("the watch is broken: ", std::string(why)));
  return false;
}

}  // namespace portreeve::kube
