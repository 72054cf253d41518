// `portreeve validate`: what the status of every object in a folder would be, without serving any of it.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "controller/gatewayapi/problem.h"
#include "controller/source/file_set.h"
#include "controller/translate/translator.h"
#include "controller/translate/unclaimed.h"

namespace portreeve::cli {

struct Findings {
  std::vector<translate::ObjectStatus> statuses;
  std::vector<gatewayapi::Problem> problems;
  // What has no status because nobody claims it.
  std::vector<translate::Unclaimed> unclaimed;
  // Where the objects of the two lists stand.
  std::map<gatewayapi::ObjectKey, source::SourcePlace> places;

  // A condition complains, or a file or object is refused.
  bool refused() const;
};

// Fails if the folder can't be read.
absl::StatusOr<Findings> Examine(const std::string& folder);

void PrintText(const Findings& findings, std::ostream& out);
void PrintJson(const Findings& findings, std::ostream& out);

// Exit code: 0 when all is well, 1 when something is refused, 2 for a folder that can't be read.
int Validate(const std::string& folder, bool json);

}  // namespace portreeve::cli
