// Reading a YAML tree field by field, the way the API server checks a schema: a field is found by name, its type,
// length and form are checked, and what nobody asked for is refused as unknown. Every complaint knows object, place and
// remedy.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/gatewayapi/problem.h"
#include "controller/gatewayapi/text_rules.h"
#include "controller/gatewayapi/yaml_tree.h"

namespace portreeve::gatewayapi {

// What is known about the object being decoded. One that has been refused anywhere is refused as a whole.
struct Decoding {
  std::string file;
  int line_offset = 0;  // added to the lines of the tree
  std::string object;
  bool secret = false;   // values must not be quoted
  bool lenient = false;  // unknown fields are ignored: whoever gives the object knows other versions of its schema
  bool refused = false;
  std::vector<Problem> problems;

  static constexpr size_t kMaxProblems = 20;  // of one object; the rest is likely the same mistake again

  void Add(Problem::Severity severity, int line, int column, std::string field, std::string message,
           std::string remedy);
};

// A value, and how to say where it is. A child points to its parent, which must outlive it.
class Place {
 public:
  Place(Decoding& decoding, const YamlNode& node) : decoding_(&decoding), node_(&node) {}
  Place(const Place& parent, std::string_view field, const YamlNode& node)
      : decoding_(parent.decoding_), node_(&node), parent_(&parent), field_(field) {}
  Place(const Place& parent, size_t index, const YamlNode& node)
      : decoding_(parent.decoding_), node_(&node), parent_(&parent), index_(static_cast<int>(index)) {}

  const YamlNode& node() const { return *node_; }
  Decoding& decoding() const { return *decoding_; }
  std::string Path() const;                        // "spec.rules[0].matches[1].path.value"
  std::string Path(std::string_view field) const;  // of a field inside
  std::string Quoted() const;                      // the value for a message, cut short; hidden in a Secret

  void Refuse(std::string message, std::string remedy) const;
  // The same for a field that isn't there, or a key of this mapping.
  void RefuseField(std::string_view field, std::string message, std::string remedy) const;

  bool Text(const TextRule& rule, std::string* out) const;
  bool Integer(int64_t min, int64_t max, int64_t* out) const;
  bool Boolean(bool* out) const;

 private:
  Decoding* decoding_;
  const YamlNode* node_;
  const Place* parent_ = nullptr;
  std::string_view field_;
  int index_ = -1;
};

// The fields of one mapping. Null counts as absent. Call Done() last: it refuses what nobody asked for.
class Fields {
 public:
  explicit Fields(const Place& place);
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  const Place& place() const { return place_; }
  std::optional<Place> Find(std::string_view name);
  std::optional<Place> Require(std::string_view name, std::string_view remedy);
  bool Has(std::string_view name) const;
  void Ignore(std::initializer_list<std::string_view> names);
  void Done();

  // Each leaves *out as it is when the field is absent or refused.
  void Text(std::string_view name, const TextRule& rule, std::string* out);
  void Text(std::string_view name, const TextRule& rule, std::optional<std::string>* out);
  void RequireText(std::string_view name, const TextRule& rule, std::string* out);
  void Boolean(std::string_view name, bool* out);
  void Boolean(std::string_view name, std::optional<bool>* out);
  void Duration(std::string_view name, std::optional<std::chrono::milliseconds>* out);
  void TextMap(std::string_view name, const TextRule& key_rule, const TextRule& value_rule, size_t max,
               std::map<std::string, std::string>* out);
  // With `unique`, a text that occurs twice is refused (list type "set").
  void TextList(std::string_view name, const TextRule& rule, size_t max, bool unique, std::vector<std::string>* out);

  template <typename T>
  void Integer(std::string_view name, int64_t min, int64_t max, T* out) {
    if (std::optional<Place> place = Find(name)) ReadInteger(*place, min, max, out);
  }
  template <typename T>
  void RequireInteger(std::string_view name, int64_t min, int64_t max, T* out) {
    if (std::optional<Place> place = Require(name, "write a number")) ReadInteger(*place, min, max, out);
  }
  void Port(std::string_view name, std::optional<uint16_t>* out) { Integer(name, 1, 65535, out); }

  // One of the words of a closed list.
  template <typename E>
  void Enum(std::string_view name, std::initializer_list<std::pair<std::string_view, E>> words, E* out) {
    if (std::optional<Place> place = Find(name)) ReadEnum(*place, words, out);
  }
  template <typename E>
  void RequireEnum(std::string_view name, std::initializer_list<std::pair<std::string_view, E>> words, E* out) {
    if (std::optional<Place> place = Require(name, "write one of its values")) ReadEnum(*place, words, out);
  }
  void Word(std::string_view name, std::initializer_list<std::string_view> words, std::optional<std::string>* out);

  // Calls read(place, &element) for each entry of a list.
  template <typename T, typename Read>
  void List(std::string_view name, size_t min, size_t max, std::vector<T>* out, Read read) {
    if (std::optional<Place> place = Find(name)) ReadList(*place, min, max, out, read);
  }
  template <typename T, typename Read>
  void RequireList(std::string_view name, size_t min, size_t max, std::vector<T>* out, Read read) {
    if (std::optional<Place> place = Require(name, "write a list")) ReadList(*place, min, max, out, read);
  }
  // Calls read(place, &value) for a field that is a mapping.
  template <typename T, typename Read>
  void Struct(std::string_view name, T* out, Read read) {
    if (std::optional<Place> place = Find(name)) read(*place, out);
  }
  template <typename T, typename Read>
  void Struct(std::string_view name, std::optional<T>* out, Read read) {
    if (std::optional<Place> place = Find(name)) read(*place, &out->emplace());
  }

 private:
  template <typename T>
  static void ReadInteger(const Place& place, int64_t min, int64_t max, T* out) {
    int64_t value = 0;
    if (place.Integer(min, max, &value)) Assign(value, out);
  }
  template <typename T>
  static void Assign(int64_t value, T* out) {
    *out = static_cast<T>(value);
  }
  template <typename T>
  static void Assign(int64_t value, std::optional<T>* out) {
    *out = static_cast<T>(value);
  }
  static int FindWord(const Place& place, const std::vector<std::string_view>& words);
  template <typename E>
  static void ReadEnum(const Place& place, std::initializer_list<std::pair<std::string_view, E>> words, E* out) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : words) names.push_back(name);
    const int found = FindWord(place, names);
    if (found >= 0) *out = words.begin()[found].second;
  }
  static bool CheckList(const Place& place, size_t min, size_t max);
  template <typename T, typename Read>
  static void ReadList(const Place& place, size_t min, size_t max, std::vector<T>* out, Read read) {
    if (!CheckList(place, min, max)) return;
    out->reserve(place.node().items.size());
    for (size_t i = 0; i < place.node().items.size(); ++i) {
      const Place item(place, i, place.node().items[i]);
      read(item, &out->emplace_back());
    }
  }

  Place place_;
  std::vector<bool> asked_;                     // for each key of the mapping
  std::vector<std::string_view> known_fields_;  // every name asked for, to suggest from
};

// Refuses keys given twice anywhere below `place`.
void RefuseDuplicateKeys(const Place& place);

}  // namespace portreeve::gatewayapi
