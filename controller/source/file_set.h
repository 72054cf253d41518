// FileSet: which object of which file is in force. Takes texts, gives events; no I/O, so that every rule about broken,
// doubled and vanished files can be tested with strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controller/gatewayapi/decode.h"
#include "controller/source/source.h"

namespace portreeve::source {

class FileSet {
 public:
  // File names in problems begin with `prefix`, as in "examples/quickstart/".
  explicit FileSet(std::string prefix) : prefix_(std::move(prefix)) {}

  // The file has this text now. A text that is not YAML leaves all its objects as they were; an object that is refused
  // stays as it was; a document that doesn't say which object it is keeps every object that is missing now.
  void Put(const std::string& file, std::string_view text);
  void Remove(const std::string& file);
  // The file is there, but can't be read; its objects stay.
  void Fail(const std::string& file, std::string message, std::string remedy);
  bool Has(const std::string& file) const { return files_.contains(file); }
  // Files at or below a folder ("" for all).
  std::vector<std::string> FilesBelow(const std::string& folder) const;

  // Files that hold an object which several files hold since the last Take().
  std::set<std::string> NewRivals() const;

  // What all calls since the last Take() changed, with the problems of the files that changed and of names that became
  // contested. An object that two files hold is taken from the first by name; when that one goes, the other takes its
  // place without a deletion in between.
  SourceBatch Take();

  // Where the object that is in force stands; nothing for one that no file holds.
  std::optional<SourcePlace> PlaceOf(const gatewayapi::ObjectKey& key) const;

  // Every problem as things stand, by file.
  std::vector<gatewayapi::Problem> AllProblems() const;

 private:
  struct TextId {
    size_t size = 0;
    size_t hash = 0;
    bool operator==(const TextId&) const = default;

    template <typename H>
    friend H AbslHashValue(H h, const TextId& id) {
      return H::combine(std::move(h), id.size, id.hash);
    }
  };
  // An object as its file has it. Once in force, `object` carries the generation that was counted for it.
  struct Held {
    gatewayapi::Object object;
    int line = 0;
    bool own_generation = false;
  };
  using HeldPtr = std::shared_ptr<Held>;
  using ObjectMap = absl::flat_hash_map<gatewayapi::ObjectKey, HeldPtr>;

  // A decoded document, kept by its text so that only what changed in a file is decoded again.
  struct Document {
    TextId id;
    int first_line = 1;
    std::vector<std::pair<gatewayapi::ObjectKey, HeldPtr>> objects;
    std::vector<gatewayapi::DecodedKey> refused;
    std::vector<gatewayapi::Problem> problems;
    bool syntax_error = false;
    bool unnamed_refused = false;
  };
  struct File {
    TextId id;
    std::vector<Document> documents;
    ObjectMap objects;
    std::vector<gatewayapi::Problem> problems;
    bool failed = false;  // it couldn't be read the last time
  };
  struct Claims {
    std::map<std::string, HeldPtr> by_file;  // the first one is in force
    HeldPtr in_force;                        // as last told to the world; null before that
    gatewayapi::Object emitted;
  };

  static TextId IdOf(std::string_view text);
  std::vector<Document> DecodeChanged(const std::string& file, std::string_view text,
                                      std::vector<Document> before) const;
  Document DecodeNew(const std::string& file, const gatewayapi::DocumentText& text) const;
  static void ShiftLines(Document* document, int first_line);
  ObjectMap Merge(const std::string& file, File* state) const;
  void Replace(const std::string& file, ObjectMap objects);
  void Claim(const gatewayapi::ObjectKey& key, const std::string& file, HeldPtr held);
  void EmitKey(const gatewayapi::ObjectKey& key, std::vector<ResourceEvent>* deleted,
               std::vector<ResourceEvent>* applied);
  gatewayapi::Problem Contested(const gatewayapi::ObjectKey& key, const Claims& claims, const std::string& file) const;

  std::string prefix_;
  std::map<std::string, File> files_;
  absl::flat_hash_map<gatewayapi::ObjectKey, Claims> claims_;
  std::set<gatewayapi::ObjectKey> contested_;      // held by several files
  std::set<gatewayapi::ObjectKey> new_contested_;  // since the last Take()
  std::set<gatewayapi::ObjectKey> dirty_;
  std::set<std::string> changed_files_;
};

}  // namespace portreeve::source
