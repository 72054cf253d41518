// `portreeve reasons`: docs/reasons.md, made from dataplane/http/reason.h.
#pragma once

#include <ostream>

namespace portreeve::cli {

void PrintReasons(std::ostream& out);

}  // namespace portreeve::cli
