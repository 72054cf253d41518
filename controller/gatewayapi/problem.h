// Problem: why an object or a file isn't taken as it stands, said so that its author can put it right.
#pragma once

#include <ostream>
#include <string>

namespace portreeve::gatewayapi {

struct Problem {
  enum class Severity {
    kWarning,  // something is ignored, everything else goes on
    kError,    // the object is refused; its last good version stays in service
  };

  Severity severity = Severity::kError;
  std::string file;
  int line = 0;  // both count from 1; 0 if the problem has no place in the text
  int column = 0;
  std::string object;   // "HTTPRoute team-a/r"; empty if it couldn't be read that far
  std::string field;    // "spec.rules[0].matches[1].path.value"; empty if it concerns the whole
  std::string message;  // what is wrong; never holds bytes of a Secret
  std::string remedy;   // what to write instead

  bool operator==(const Problem&) const = default;

  // "routes.yaml:12:7: error: HTTPRoute team-a/r: spec.rules[0].name: must be …; write …", on one line.
  std::string ToString() const;

  friend std::ostream& operator<<(std::ostream& os, const Problem& problem) { return os << problem.ToString(); }
};

}  // namespace portreeve::gatewayapi
