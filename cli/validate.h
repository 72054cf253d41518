// `portreeve validate`: what the status of every object in a folder or cluster would be, without serving any of it.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "cli/objects.h"
#include "controller/gatewayapi/problem.h"
#include "controller/source/file_set.h"
#include "controller/translate/translator.h"
#include "controller/translate/unclaimed.h"

namespace portreeve::cli {

struct Findings {
  translate::StatusSet statuses;
  std::vector<gatewayapi::Problem> problems;
  // What has no status because nobody claims it.
  std::vector<translate::Unclaimed> unclaimed;
  // Kinds that may not be read (Objects::unread).
  std::vector<std::string> unread;
  // Where the objects of the two lists stand.
  std::map<gatewayapi::ObjectKey, source::SourcePlace> places;

  // A condition complains, or a file or object is refused.
  bool refused() const;
};

Findings Examine(Objects objects);

void PrintText(const Findings& findings, std::ostream& out);
void PrintJson(const Findings& findings, std::ostream& out);

// Exit code: 0 when all is well, 1 when something is refused, 2 for a folder or cluster that can't be read.
int Validate(const ObjectsFrom& from, bool json);

}  // namespace portreeve::cli
