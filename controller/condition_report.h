// The conditions of a status, as a person or a log wants to read them.
#pragma once

#include <functional>
#include <string>

#include "controller/translate/translator.h"

namespace portreeve {

// Whether it says that something isn't as its author wants it.
bool IsComplaint(const gatewayapi::Condition& condition);

// Calls visit(where, condition) for each condition that is ours to write, in the order of the status. `where`: the part
// of the object that it is about, "" for the whole, "listener https", "parent team-a/gateway".
void VisitConditions(const translate::ObjectStatus& status,
                     const std::function<void(const std::string&, const gatewayapi::Condition&)>& visit);

}  // namespace portreeve
