#include "controller/gatewayapi/fields.h"

#include <algorithm>
#include <charconv>
#include <tuple>

namespace portreeve::gatewayapi {
namespace {

constexpr size_t kMaxQuoted = 80;

std::string Number(int64_t n) {
  return std::to_string(n);
}

bool IsBooleanWord(std::string_view text, bool* value) {
  static constexpr std::string_view kTrue[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
  static constexpr std::string_view kFalse[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
  *value = std::ranges::find(kTrue, text) != std::end(kTrue);
  return *value || std::ranges::find(kFalse, text) != std::end(kFalse);
}

// What YAML takes for a number when it stands without quotes.
bool LooksLikeNumber(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  if (text == ".inf" || text == ".nan" || text == ".Inf" || text == ".NaN" || text == ".INF" || text == ".NAN") {
    return true;
  }
  if (text.starts_with("0x") || text.starts_with("0o") || text.starts_with("0b")) {
    return text.size() > 2 && text.find_first_not_of("0123456789abcdefABCDEF_", 2) == std::string_view::npos;
  }
  bool digits = false;
  size_t i = 0;
  const auto skip_digits = [&] {
    for (; i < text.size() && ((text[i] >= '0' && text[i] <= '9') || (digits && text[i] == '_')); ++i) digits = true;
  };
  skip_digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    skip_digits();
  }
  if (digits && i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (i == text.size()) return false;
    skip_digits();
  }
  return digits && i == text.size();
}

std::string_view TypeName(const YamlNode& node) {
  bool ignored = false;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMapping:
      return "a mapping";
    case YamlNode::Kind::kScalar:
      break;
  }
  if (!node.plain) return "text";
  if (LooksLikeNumber(node.text)) return "a number";
  return IsBooleanWord(node.text, &ignored) ? "a boolean" : "text";
}

// Levenshtein distance, for names of a few characters.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string SuggestFrom(std::string_view unknown, const std::vector<std::string_view>& known) {
  std::string_view best;
  size_t best_distance = unknown.size() > 64 ? 0 : std::min<size_t>(3, unknown.size() / 2 + 1);
  for (const std::string_view name : known) {
    const size_t distance = best_distance == 0 ? 1 : Distance(unknown, name);
    if (distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  if (!best.empty()) return Concat({"did you mean \"", best, "\"?"});
  std::string text = "remove it; known here:";
  for (const std::string_view name : known) text += Concat({" ", name});
  return text;
}

std::string QuoteKey(const Decoding& decoding, std::string_view key) {
  if (decoding.secret && !(key.size() < 64 && IsConfigKey(key))) return "[redacted]";
  return std::string(key.substr(0, kMaxQuoted));
}

}  // namespace

void Decoding::Add(Problem::Severity severity, int line, int column, std::string field, std::string message,
                   std::string remedy) {
  if (severity == Problem::Severity::kError) refused = true;
  if (problems.size() >= kMaxProblems) return;
  problems.push_back(
      {severity, file, line + line_offset, column, object, std::move(field), std::move(message), std::move(remedy)});
}

std::string Place::Path() const {
  if (parent_ == nullptr) return {};
  std::string path = parent_->Path();
  if (index_ >= 0) return Concat({path, "[", Number(index_), "]"});
  return path.empty() ? std::string(field_) : Concat({path, ".", field_});
}

std::string Place::Path(std::string_view field) const {
  const std::string path = Path();
  return path.empty() ? std::string(field) : Concat({path, ".", field});
}

std::string Place::Quoted() const {
  if (node_->kind != YamlNode::Kind::kScalar) return std::string(TypeName(*node_));
  if (decoding_->secret) return "[redacted]";
  std::string text = "\"";
  for (const char c : node_->text.substr(0, kMaxQuoted)) {
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  return text + (node_->text.size() > kMaxQuoted ? "…\"" : "\"");
}

void Place::Refuse(std::string message, std::string remedy) const {
  decoding_->Add(Problem::Severity::kError, node_->line, node_->column, Path(), std::move(message), std::move(remedy));
}

void Place::RefuseField(std::string_view field, std::string message, std::string remedy) const {
  int line = node_->line;
  int column = node_->column;
  for (const YamlKey& key : node_->keys) {
    if (key.text == field) {
      line = key.line;
      column = key.column;
    }
  }
  decoding_->Add(Problem::Severity::kError, line, column, Path(field), std::move(message), std::move(remedy));
}

bool Place::Text(const TextRule& rule, std::string* out) const {
  const std::string_view type = TypeName(*node_);
  if (type != "text") {
    const bool scalar = node_->kind == YamlNode::Kind::kScalar;
    Refuse(Concat({"must be text, not ", type}), scalar ? "put it into quotes" : "write a text");
    return false;
  }
  const std::string& text = node_->text;
  if (text.size() < rule.min_length) {
    Refuse("must not be empty", std::string(rule.remedy));
    return false;
  }
  if (text.size() > rule.max_length) {
    Refuse(Concat({"must not be longer than ", Number(static_cast<int64_t>(rule.max_length)), " bytes, but has ",
                   Number(static_cast<int64_t>(text.size()))}),
           "shorten it");
    return false;
  }
  if (!rule.holds(text)) {
    Refuse(Concat({rule.must, ", not ", Quoted()}), std::string(rule.remedy));
    return false;
  }
  *out = text;
  return true;
}

bool Place::Integer(int64_t min, int64_t max, int64_t* out) const {
  const std::string& text = node_->text;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool leading_zero = text.size() > 1 && (text[0] == '0' || text.starts_with("-0"));
  const bool number = TypeName(*node_) == "a number";
  if (!number || leading_zero || (error == std::errc() && end != text.data() + text.size())) {
    Refuse(Concat({"must be a whole number, not ", number ? Quoted() : std::string(TypeName(*node_))}),
           node_->kind == YamlNode::Kind::kScalar && !node_->plain ? "remove the quotes" : "write digits only");
    return false;
  }
  if (error != std::errc() || value < min || value > max) {
    const bool bounded = max < std::numeric_limits<int32_t>::max();
    Refuse(bounded ? Concat({"must be between ", Number(min), " and ", Number(max), ", not ", Quoted()})
                   : Concat({"must be at least ", Number(min), " and fit its type, not ", Quoted()}),
           "write a number in that range");
    return false;
  }
  *out = value;
  return true;
}

bool Place::Boolean(bool* out) const {
  bool value = false;
  if (node_->kind != YamlNode::Kind::kScalar || !node_->plain || !IsBooleanWord(node_->text, &value)) {
    Refuse(Concat({"must be true or false, not ", TypeName(*node_)}), "write true or false without quotes");
    return false;
  }
  *out = value;
  return true;
}

Fields::Fields(const Place& place) : place_(place), asked_(place.node().keys.size(), false) {
  const YamlNode::Kind kind = place.node().kind;
  if (kind == YamlNode::Kind::kMapping) return;
  place.Refuse(Concat({"must be a mapping, not ", TypeName(place.node())}), "write its fields below it, indented");
}

std::optional<Place> Fields::Find(std::string_view name) {
  if (std::ranges::find(known_fields_, name) == known_fields_.end()) known_fields_.push_back(name);
  const YamlNode& node = place_.node();
  std::optional<Place> found;
  for (size_t i = 0; i < node.keys.size(); ++i) {
    if (node.keys[i].text != name) continue;
    asked_[i] = true;  // a second one is refused by RefuseDuplicateKeys
    if (!found && node.items[i].kind != YamlNode::Kind::kNull) found.emplace(place_, node.keys[i].text, node.items[i]);
  }
  return found;
}

std::optional<Place> Fields::Require(std::string_view name, std::string_view remedy) {
  std::optional<Place> found = Find(name);
  if (!found && place_.node().kind == YamlNode::Kind::kMapping) {
    place_.RefuseField(name, "is required", std::string(remedy));
  }
  return found;
}

bool Fields::Has(std::string_view name) const {
  const YamlNode& node = place_.node();
  for (size_t i = 0; i < node.keys.size(); ++i) {
    if (node.keys[i].text == name) return node.items[i].kind != YamlNode::Kind::kNull;
  }
  return false;
}

void Fields::Ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) Find(name);
}

void Fields::Done() {
  if (place_.decoding().lenient) return;
  const std::vector<YamlKey>& keys = place_.node().keys;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (asked_[i]) continue;
    const std::string name = QuoteKey(place_.decoding(), keys[i].text);
    place_.decoding().Add(Problem::Severity::kError, keys[i].line, keys[i].column, place_.Path(name), "unknown field",
                          SuggestFrom(name, known_fields_));
  }
}

void Fields::Text(std::string_view name, const TextRule& rule, std::string* out) {
  if (std::optional<Place> place = Find(name)) place->Text(rule, out);
}

void Fields::Text(std::string_view name, const TextRule& rule, std::optional<std::string>* out) {
  std::string text;
  if (std::optional<Place> place = Find(name); place && place->Text(rule, &text)) *out = std::move(text);
}

void Fields::RequireText(std::string_view name, const TextRule& rule, std::string* out) {
  if (std::optional<Place> place = Require(name, rule.remedy)) place->Text(rule, out);
}

void Fields::Boolean(std::string_view name, bool* out) {
  if (std::optional<Place> place = Find(name)) place->Boolean(out);
}

void Fields::Boolean(std::string_view name, std::optional<bool>* out) {
  bool value = false;
  if (std::optional<Place> place = Find(name); place && place->Boolean(&value)) *out = value;
}

void Fields::Duration(std::string_view name, std::optional<std::chrono::milliseconds>* out) {
  std::optional<Place> place = Find(name);
  std::string text;
  if (!place || !place->Text(kFreeText, &text)) return;
  if (std::optional<std::chrono::milliseconds> value = ParseDuration(text)) {
    *out = value;
  } else {
    place->Refuse(Concat({"must be a duration in h, m, s and ms, not ", place->Quoted()}),
                  "write it as in \"10s\", \"500ms\" or \"1h30m\"");
  }
}

void Fields::TextMap(std::string_view name, const TextRule& key_rule, const TextRule& value_rule, size_t max,
                     std::map<std::string, std::string>* out) {
  std::optional<Place> map = Find(name);
  if (!map) return;
  const YamlNode& node = map->node();
  if (node.kind != YamlNode::Kind::kMapping) {
    map->Refuse(Concat({"must be a mapping, not ", TypeName(node)}), "write \"key: value\" lines below it");
    return;
  }
  if (node.keys.size() > max) {
    map->Refuse(Concat({"must not have more than ", Number(static_cast<int64_t>(max)), " entries"}), "remove some");
  }
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const YamlKey& key = node.keys[i];
    const std::string_view shown = map->decoding().secret ? "[redacted]" : std::string_view(key.text);
    if (key.text.size() > key_rule.max_length || !key_rule.holds(key.text)) {
      map->decoding().Add(Problem::Severity::kError, key.line, key.column, map->Path(),
                          Concat({"key \"", shown.substr(0, kMaxQuoted), "\" ", key_rule.must}),
                          std::string(key_rule.remedy));
      continue;
    }
    std::string value;
    if (node.items[i].kind == YamlNode::Kind::kNull || Place(*map, key.text, node.items[i]).Text(value_rule, &value)) {
      out->emplace(key.text, std::move(value));
    }
  }
}

void Fields::TextList(std::string_view name, const TextRule& rule, size_t max, bool unique,
                      std::vector<std::string>* out) {
  List(name, 0, max, out, [&](const Place& place, std::string* text) {
    if (!place.Text(rule, text) || !unique) return;
    if (std::ranges::count(*out, *text) > 1) place.Refuse(Concat({place.Quoted(), " occurs twice"}), "remove one");
  });
}

void Fields::Word(std::string_view name, std::initializer_list<std::string_view> words,
                  std::optional<std::string>* out) {
  std::optional<Place> place = Find(name);
  if (!place) return;
  const int found = FindWord(*place, words);
  if (found >= 0) *out = std::string(words.begin()[found]);
}

int Fields::FindWord(const Place& place, const std::vector<std::string_view>& words) {
  std::string text;
  if (!place.Text(kFreeText, &text)) return -1;
  auto it = std::ranges::find(words, text);
  if (it != words.end()) return static_cast<int>(it - words.begin());
  std::string all;
  for (const std::string_view word : words) all += Concat({all.empty() ? "" : ", ", word});
  place.Refuse(Concat({"must be one of ", all, ", not ", place.Quoted()}), "write one of these, in this spelling");
  return -1;
}

bool Fields::CheckList(const Place& place, size_t min, size_t max) {
  const YamlNode& node = place.node();
  if (node.kind != YamlNode::Kind::kSequence) {
    place.Refuse(Concat({"must be a list, not ", TypeName(node)}), "write its entries with \"- \" in front");
    return false;
  }
  if (node.items.size() < min) {
    place.Refuse(Concat({"must have at least ", Number(static_cast<int64_t>(min)), min == 1 ? " entry" : " entries"}),
                 "add one");
    return false;
  }
  if (node.items.size() > max) {
    place.Refuse(Concat({"must not have more than ", Number(static_cast<int64_t>(max)), " entries, but has ",
                         Number(static_cast<int64_t>(node.items.size()))}),
                 "split the object or remove some");
    return false;
  }
  return true;
}

void RefuseDuplicateKeys(const Place& place) {
  const YamlNode& node = place.node();
  std::vector<const YamlKey*> sorted;
  sorted.reserve(node.keys.size());
  for (const YamlKey& key : node.keys) sorted.push_back(&key);
  std::ranges::sort(sorted, {}, [](const YamlKey* key) {
    return std::tuple<std::string_view, int, int>(key->text, key->line, key->column);
  });
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i]->text != sorted[i - 1]->text) continue;
    place.decoding().Add(
        Problem::Severity::kError, sorted[i]->line, sorted[i]->column,
        place.Path(QuoteKey(place.decoding(), sorted[i]->text)),
        Concat({"is given twice, first in line ", Number(sorted[i - 1]->line + place.decoding().line_offset)}),
        "remove one of the two");
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (node.items[i].items.empty()) continue;
    RefuseDuplicateKeys(i < node.keys.size() ? Place(place, node.keys[i].text, node.items[i])
                                             : Place(place, i, node.items[i]));
  }
}

}  // namespace portreeve::gatewayapi
