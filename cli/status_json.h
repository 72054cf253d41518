// The status of an object in the shape that Kubernetes has it in.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "controller/translate/translator.h"

namespace portreeve::cli {

// {"apiVersion", "kind", "metadata": {"namespace", "name", "generation"}, "status": {…}}
nlohmann::ordered_json ObjectJson(const translate::ObjectStatus& status);

}  // namespace portreeve::cli
