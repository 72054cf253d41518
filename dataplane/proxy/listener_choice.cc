#include "dataplane/proxy/listener_choice.h"

namespace portreeve::proxy {

const std::shared_ptr<const config::Listener>* FindListener(const config::Port& port, std::string_view name) {
  const std::shared_ptr<const config::Listener>* found = nullptr;
  port.listeners.Visit(name, [&](const std::shared_ptr<const config::Listener>& listener) {
    found = &listener;
    return true;
  });
  return found;
}

ListenerChoice ChooseListener(const config::Port& port, const ConnectionFacts& connection, std::string_view host) {
  ListenerChoice choice;
  const auto* of_host = FindListener(port, host);
  if (of_host == nullptr) {
    choice.reason = http::Reason::kNoListener;
    return choice;
  }
  if (connection.tls && connection.server_name != host) {
    const auto* of_name = FindListener(port, connection.server_name);
    if (of_name == nullptr || of_name->get() != of_host->get()) {
      choice.reason = http::Reason::kMisdirected;
      return choice;
    }
  }
  choice.listener = of_host->get();
  return choice;
}

}  // namespace portreeve::proxy
