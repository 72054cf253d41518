#include "controller/source/file_set.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/hash/hash.h"

namespace portreeve::source {

using gatewayapi::DecodedKey;
using gatewayapi::DecodedObject;
using gatewayapi::ObjectKey;
using gatewayapi::Problem;

FileSet::TextId FileSet::IdOf(std::string_view text) {
  return {text.size(), absl::HashOf(text)};
}

FileSet::Document FileSet::DecodeNew(const std::string& file, const gatewayapi::DocumentText& text) const {
  gatewayapi::DecodeResult result = gatewayapi::DecodeDocument(text, prefix_ + file);
  Document document;
  document.id = IdOf(text.text);
  document.first_line = text.first_line;
  for (DecodedObject& decoded : result.objects) {
    const bool own_generation = gatewayapi::MetaOf(decoded.object).generation != 0;
    document.objects.emplace_back(
        std::move(decoded.key), std::make_shared<Held>(Held{std::move(decoded.object), decoded.line, own_generation}));
  }
  document.refused = std::move(result.refused);
  document.problems = std::move(result.problems);
  document.syntax_error = result.syntax_error;
  document.unnamed_refused = result.unnamed_refused;
  return document;
}

void FileSet::ShiftLines(Document* document, int first_line) {
  const int by = first_line - document->first_line;
  if (by == 0) return;
  document->first_line = first_line;
  for (auto& [key, held] : document->objects) held->line += by;
  for (DecodedKey& refused : document->refused) refused.line += by;
  for (Problem& problem : document->problems) problem.line += by;
}

std::vector<FileSet::Document> FileSet::DecodeChanged(const std::string& file, std::string_view text,
                                                      std::vector<Document> before) const {
  absl::flat_hash_map<TextId, Document*> known;
  known.reserve(before.size());
  for (Document& document : before) known.emplace(document.id, &document);
  std::vector<Document> documents;
  for (const gatewayapi::DocumentText& part : gatewayapi::SplitDocuments(text)) {
    auto it = known.find(IdOf(part.text));
    if (it == known.end()) {
      documents.push_back(DecodeNew(file, part));
      continue;
    }
    documents.push_back(std::move(*it->second));
    ShiftLines(&documents.back(), part.first_line);
    known.erase(it);
  }
  return documents;
}

// What the file holds now: what it says, and what must stay of what it held before.
FileSet::ObjectMap FileSet::Merge(const std::string& file, File* state) const {
  ObjectMap objects;
  bool keep_missing = false;
  for (const Document& document : state->documents) {
    keep_missing |= document.unnamed_refused;
    state->problems.insert(state->problems.end(), document.problems.begin(), document.problems.end());
    for (const auto& [key, held] : document.objects) {
      auto [first, added] = objects.emplace(key, held);
      if (added) continue;
      Problem problem;
      problem.file = prefix_ + file;
      problem.line = held->line;
      problem.column = 1;
      problem.object = key.ToString();
      problem.message =
          "is in this file twice; line " + std::to_string(first->second->line) + " comes first and is used";
      problem.remedy = "remove one of the two";
      state->problems.push_back(std::move(problem));
    }
  }
  for (const Document& document : state->documents) {
    for (const DecodedKey& refused : document.refused) {
      auto old = state->objects.find(refused.key);
      if (old != state->objects.end()) objects.emplace(refused.key, old->second);
    }
  }
  if (keep_missing) objects.insert(state->objects.begin(), state->objects.end());
  return objects;
}

void FileSet::Put(const std::string& file, std::string_view text) {
  const TextId id = IdOf(text);
  File& state = files_[file];
  if (state.id == id && !state.failed) return;
  state.id = id;
  state.failed = false;
  state.documents = DecodeChanged(file, text, std::move(state.documents));
  state.problems.clear();
  changed_files_.insert(file);
  const bool broken = std::ranges::any_of(state.documents, &Document::syntax_error);
  if (!broken) {
    Replace(file, Merge(file, &state));
    return;
  }
  for (const Document& document : state.documents) {
    if (document.syntax_error) {
      state.problems.insert(state.problems.end(), document.problems.begin(), document.problems.end());
    }
  }
}

void FileSet::Remove(const std::string& file) {
  if (!files_.contains(file)) return;
  Replace(file, {});
  files_.erase(file);
  changed_files_.insert(file);
}

void FileSet::Fail(const std::string& file, std::string message, std::string remedy) {
  File& state = files_[file];
  Problem problem;
  problem.file = prefix_ + file;
  problem.message = std::move(message);
  problem.remedy = std::move(remedy);
  if (state.problems == std::vector<Problem>{problem}) return;
  state.problems = {std::move(problem)};
  state.failed = true;
  changed_files_.insert(file);
}

std::vector<std::string> FileSet::FilesBelow(const std::string& folder) const {
  std::vector<std::string> names;
  for (const auto& [name, file] : files_) {
    const bool below = name.size() > folder.size() && name.starts_with(folder) && name[folder.size()] == '/';
    if (folder.empty() || name == folder || below) names.push_back(name);
  }
  return names;
}

void FileSet::Replace(const std::string& file, ObjectMap objects) {
  ObjectMap& before = files_[file].objects;
  for (const auto& [key, held] : before) {
    if (!objects.contains(key)) Claim(key, file, nullptr);
  }
  for (const auto& [key, held] : objects) {
    auto old = before.find(key);
    if (old == before.end() || old->second != held) Claim(key, file, held);
  }
  before = std::move(objects);
}

void FileSet::Claim(const ObjectKey& key, const std::string& file, HeldPtr held) {
  Claims& claims = claims_[key];
  if (held == nullptr) {
    claims.by_file.erase(file);
  } else {
    claims.by_file[file] = std::move(held);
  }
  dirty_.insert(key);
  if (claims.by_file.size() < 2) {
    contested_.erase(key);
    new_contested_.erase(key);
  } else if (contested_.insert(key).second) {
    new_contested_.insert(key);
  }
}

void FileSet::EmitKey(const ObjectKey& key, std::vector<ResourceEvent>* deleted, std::vector<ResourceEvent>* applied) {
  auto entry = claims_.find(key);
  Claims& claims = entry->second;
  const bool was_there = claims.in_force != nullptr;
  if (claims.by_file.empty()) {
    if (was_there) deleted->push_back(ResourceEvent::Deleted(key));
    claims_.erase(entry);
    return;
  }
  const HeldPtr& held = claims.by_file.begin()->second;
  if (held == claims.in_force) return;
  if (!held->own_generation) {
    int64_t generation = 1;
    if (was_there) {
      generation = gatewayapi::MetaOf(claims.emitted).generation;
      if (!gatewayapi::SameSpec(claims.emitted, held->object)) ++generation;
    }
    held->object = gatewayapi::WithGeneration(held->object, generation);
  }
  const bool same = was_there && gatewayapi::SameContent(claims.emitted, held->object);
  if (same) held->object = claims.emitted;  // one copy is enough
  claims.in_force = held;
  claims.emitted = held->object;
  if (!same) applied->push_back(ResourceEvent::Applied(held->object));
}

Problem FileSet::Contested(const ObjectKey& key, const Claims& claims, const std::string& file) const {
  const auto& [winner, held] = *claims.by_file.begin();
  Problem problem;
  problem.file = prefix_ + file;
  problem.line = claims.by_file.at(file)->line;
  problem.column = 1;
  problem.object = key.ToString();
  problem.message =
      "is also in " + prefix_ + winner + ":" + std::to_string(held->line) + ", which comes first by name and is used";
  problem.remedy = "remove one of the two";
  return problem;
}

std::set<std::string> FileSet::NewRivals() const {
  std::set<std::string> rivals;
  for (const ObjectKey& key : new_contested_) {
    for (const auto& [file, held] : claims_.at(key).by_file) rivals.insert(file);
  }
  return rivals;
}

SourceBatch FileSet::Take() {
  SourceBatch batch;
  std::vector<ResourceEvent> applied;
  for (const ObjectKey& key : dirty_) EmitKey(key, &batch.events, &applied);
  std::move(applied.begin(), applied.end(), std::back_inserter(batch.events));
  for (const std::string& name : changed_files_) {
    auto file = files_.find(name);
    if (file == files_.end()) continue;
    batch.problems.insert(batch.problems.end(), file->second.problems.begin(), file->second.problems.end());
  }
  for (const ObjectKey& key : contested_) {
    const Claims& claims = claims_.at(key);
    for (auto it = std::next(claims.by_file.begin()); it != claims.by_file.end(); ++it) {
      if (new_contested_.contains(key) || changed_files_.contains(it->first)) {
        batch.problems.push_back(Contested(key, claims, it->first));
      }
    }
  }
  dirty_.clear();
  changed_files_.clear();
  new_contested_.clear();
  return batch;
}

std::optional<SourcePlace> FileSet::PlaceOf(const ObjectKey& key) const {
  const auto claims = claims_.find(key);
  if (claims == claims_.end() || claims->second.by_file.empty()) return std::nullopt;
  const auto& [file, held] = *claims->second.by_file.begin();
  return SourcePlace{prefix_ + file, held->line};
}

std::vector<Problem> FileSet::AllProblems() const {
  std::vector<Problem> problems;
  for (const auto& [name, file] : files_) {
    problems.insert(problems.end(), file.problems.begin(), file.problems.end());
  }
  for (const ObjectKey& key : contested_) {
    const Claims& claims = claims_.at(key);
    for (auto it = std::next(claims.by_file.begin()); it != claims.by_file.end(); ++it) {
      problems.push_back(Contested(key, claims, it->first));
    }
  }
  std::ranges::sort(problems, {}, [](const Problem& problem) {
    return std::tuple<std::string_view, int, int>(problem.file, problem.line, problem.column);
  });
  return problems;
}

}  // namespace portreeve::source
