#include "dataplane/tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstdio>
#include <cstdlib>

namespace portreeve::tls {
namespace {

TicketKey NewKey() {
  TicketKey key;
  if (RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) != 1 ||
      RAND_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) != 1 ||
      RAND_bytes(key.mac.data(), static_cast<int>(key.mac.size())) != 1) {
    std::fputs("no random bytes for TLS session tickets\n", stderr);
    std::abort();
  }
  return key;
}

void Wipe(const TicketKeySet* set) {
  OPENSSL_cleanse(const_cast<TicketKeySet*>(set), sizeof(*set));
  delete set;
}

}  // namespace

std::shared_ptr<const TicketKeySet> TicketKeys::At(std::chrono::steady_clock::time_point now) {
  std::lock_guard lock(mutex_);
  if (set_ && now < set_->rotate_at) return set_;
  auto* next = new TicketKeySet;
  next->current = NewKey();
  // After a long pause the old key isn't a neighbour any more: its tickets are out of date.
  const bool adjacent = set_ && now < set_->rotate_at + kPeriod;
  next->previous = adjacent ? set_->current : NewKey();
  next->rotate_at = now + kPeriod;
  set_ = std::shared_ptr<const TicketKeySet>(next, Wipe);
  return set_;
}

}  // namespace portreeve::tls
