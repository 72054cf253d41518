#include "controller/translate/conditions.h"

#include "controller/translate/text.h"

namespace portreeve::translate {
namespace {

// What metav1.Condition allows, less what is put in front.
constexpr size_t kMaxMessage = 32000;

}  // namespace

std::string JoinMessages(const std::vector<Objection>& objections, size_t max) {
  std::string joined;
  size_t said = 0;
  for (const Objection& objection : objections) {
    if (said == max || joined.size() + objection.message.size() > kMaxMessage) break;
    joined += Concat(said == 0 ? "" : "; ", objection.message);
    ++said;
  }
  if (said < objections.size()) joined += Concat("; and ", objections.size() - said, " more");
  return joined;
}

}  // namespace portreeve::translate
