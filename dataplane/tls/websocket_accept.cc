#include "dataplane/tls/websocket_accept.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <string>

namespace portreeve::tls {

WebSocketAcceptValue WebSocketAccept(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) != 1) std::abort();
  // EVP_EncodeBlock ends its output with a NUL.
  unsigned char encoded[sizeof(WebSocketAcceptValue::characters) + 1];
  EVP_EncodeBlock(encoded, digest, static_cast<int>(size));
  WebSocketAcceptValue result;
  for (std::size_t i = 0; i < result.characters.size(); ++i) result.characters[i] = static_cast<char>(encoded[i]);
  return result;
}

}  // namespace portreeve::tls
