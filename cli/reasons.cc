#include "cli/reasons.h"

#include "dataplane/http/reason.h"

namespace portreeve::cli {

void PrintReasons(std::ostream& out) {
  out << "# Why an answer isn't the backend's own\n\n"
         "<!-- Made by `portreeve reasons` from dataplane/http/reason.h; change it there. -->\n\n"
         "Each response that the gateway gives by itself, and each connection that ends early, has one of these "
         "reasons. "
         "It stands in the\naccess log (`reason`, with `origin` and `phase`), in "
         "`portreeve_responses_total{origin,reason,…}`, and with `--proxy-status` in the\n`Proxy-Status` header. The "
         "status is what the client gets; a dash: nothing can be sent any more.\n\n"
         "| Reason | Origin | Status | What it means | What to do |\n"
         "|---|---|---:|---|---|\n";
  for (const http::ReasonText& reason : http::kReasonTexts) {
    out << "| `" << reason.word << "` | " << http::OriginName(reason.origin) << " | ";
    if (reason.status == 0) {
      out << "–";
    } else {
      out << reason.status;
    }
    out << " | " << reason.sentence << " | " << reason.remedy << " |\n";
  }
}

}  // namespace portreeve::cli
