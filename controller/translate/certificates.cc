#include "controller/translate/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <utility>

#include "controller/translate/references.h"
#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::NamespacedName;
using gatewayapi::ObjectReference;
using gatewayapi::Secret;

constexpr std::string_view kInvalidCertificateRef = "InvalidCertificateRef";
constexpr std::string_view kTlsSecret = "kubernetes.io/tls";

template <auto kFree>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, FreeBy<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;

BioPtr Reader(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// Never asks on the terminal: an encrypted key is one that can't be read.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

// The first certificate of the chain; null unless everything in it is a certificate.
X509Ptr ReadChain(std::string_view pem) {
  BioPtr in = Reader(pem);
  X509Ptr leaf(PEM_read_bio_X509(in.get(), nullptr, NoPassphrase, nullptr));
  while (leaf != nullptr) {
    const X509Ptr next(PEM_read_bio_X509(in.get(), nullptr, NoPassphrase, nullptr));
    if (next != nullptr) continue;
    // No further PEM block is how a chain ends; anything else is a block that doesn't parse.
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) leaf.reset();
    break;
  }
  ERR_clear_error();
  return leaf;
}

KeyPtr ReadKey(std::string_view pem) {
  KeyPtr key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  return key;
}

const SecretBytes* FindData(const Secret& secret, const char* key) {
  auto it = secret.data.find(key);
  return it == secret.data.end() || it->second.Reveal().empty() ? nullptr : &it->second;
}

Objection Invalid(const Secret& secret, std::string_view what) {
  return {std::string(kInvalidCertificateRef),
          Concat("Secret ", gatewayapi::NameOf(secret.metadata).ToString(), " ", what)};
}

}  // namespace

std::variant<ResourcePtr, Objection> ReadCertificate(const Secret& secret) {
  if (secret.type != kTlsSecret) {
    return Invalid(secret, Concat("is of type ", secret.type, ": make it again with type ", kTlsSecret));
  }
  const SecretBytes* chain = FindData(secret, "tls.crt");
  if (chain == nullptr) return Invalid(secret, "has no tls.crt: put the PEM certificate chain there");
  const SecretBytes* key = FindData(secret, "tls.key");
  if (key == nullptr) return Invalid(secret, "has no tls.key: put the PEM private key there");

  const X509Ptr leaf = ReadChain(chain->Reveal());
  if (leaf == nullptr) {
    return Invalid(secret,
                   "has a tls.crt that isn't a PEM certificate chain: put the server's certificate first, then "
                   "its issuers");
  }
  const KeyPtr private_key = ReadKey(key->Reveal());
  if (private_key == nullptr) {
    return Invalid(secret, "has a tls.key that isn't an unencrypted PEM private key: put the key of tls.crt there");
  }
  const bool fits = X509_check_private_key(leaf.get(), private_key.get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return Invalid(secret,
                   "has a tls.key that doesn't belong to the first certificate of tls.crt: put both of one "
                   "pair there");
  }

  config::v1::Resource resource;
  resource.mutable_certificate()->set_chain(std::string(chain->Reveal()));
  resource.mutable_certificate()->set_private_key(std::string(key->Reveal()));
  const NamespacedName name = gatewayapi::NameOf(secret.metadata);
  return Seal(std::move(resource), CertificateKey(name), Concat("Secret ", name.ToString()),
              secret.metadata.generation);
}

const std::variant<ResourcePtr, Objection>& CertificateMemo::Read(const store::Versioned<Secret>& secret) {
  Entry& entry = entries_[gatewayapi::NameOf(secret->metadata)];
  entry.used = true;
  if (entry.secret != secret.object) {
    const bool same = entry.secret != nullptr && entry.secret->type == secret->type &&
                      entry.secret->data == secret->data &&
                      entry.secret->metadata.generation == secret->metadata.generation;
    entry.secret = secret.object;
    if (!same) {
      entry.result = ReadCertificate(*secret);
      ++reads_;
    }
  }
  return entry.result;
}

void CertificateMemo::Sweep() {
  std::erase_if(entries_, [](const auto& entry) { return !entry.second.used; });
  for (auto& [name, entry] : entries_) entry.used = false;
}

std::optional<NamespacedName> SecretOf(const ObjectReference& ref, std::string_view gateway_namespace) {
  if (!ref.group.empty() || ref.kind != "Secret") return std::nullopt;
  return NamespacedName{ref.namespace_.value_or(std::string(gateway_namespace)), ref.name};
}

std::optional<Objection> ObjectionToSecretRef(const store::ClusterState& state, const ObjectReference& ref,
                                              std::string_view gateway_namespace, std::string_view field,
                                              std::string_view invalid_reason) {
  const std::optional<NamespacedName> secret = SecretOf(ref, gateway_namespace);
  if (!secret.has_value()) {
    return Objection{std::string(invalid_reason),
                     Concat(field, ": ", ref.group.empty() ? "" : ref.group + "/", ref.kind,
                            " isn't supported: name a Secret (group \"\", kind Secret)")};
  }
  if (!IsPermitted(state, {gatewayapi::kGatewayGroup, "Gateway", gateway_namespace},
                   {"", "Secret", secret->namespace_, secret->name})) {
    return Objection{"RefNotPermitted",
                     Concat(field, ": a Gateway of namespace ", gateway_namespace, " may not use Secret ",
                            secret->ToString(), ": make a ReferenceGrant in namespace ", secret->namespace_,
                            " from Gateway in ", gateway_namespace, " to Secret ", secret->name)};
  }
  return std::nullopt;
}

}  // namespace portreeve::translate
