#include "controller/kube/kube_config.h"

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "controller/gatewayapi/fields.h"
#include "controller/gatewayapi/text_rules.h"
#include "controller/gatewayapi/yaml_tree.h"

namespace portreeve::kube {
namespace {

using gatewayapi::Decoding;
using gatewayapi::Fields;
using gatewayapi::kAnyText;
using gatewayapi::kFreeText;
using gatewayapi::Place;
using gatewayapi::YamlNode;

constexpr std::uintmax_t kMaxFileBytes = 16 * 1024 * 1024;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::file_size(path, error) > kMaxFileBytes || error) {
    return absl::NotFoundError(absl::StrCat(path, " can't be read: ", error ? error.message() : "it is too large"));
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf()))) {
    return absl::NotFoundError(absl::StrCat(path, " can't be read; give this user the right to read it"));
  }
  return std::move(text).str();
}

// What stands in one file. `decoding` collects what is wrong with it.
struct File {
  std::string path;
  YamlNode root;
  Decoding decoding;
};

absl::Status ProblemsOf(const Decoding& decoding) {
  if (decoding.problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("kubeconfig ", decoding.problems.front().ToString()));
}

absl::StatusOr<std::unique_ptr<File>> LoadFile(const std::string& path) {
  auto text = ReadFile(path);
  if (!text.ok()) return absl::NotFoundError(absl::StrCat("kubeconfig ", std::string(text.status().message())));
  auto file = std::make_unique<File>();
  file->path = path;
  file->decoding.file = path;
  file->decoding.secret = true;  // whatever is wrong, it may be a credential
  file->decoding.lenient = true;
  gatewayapi::YamlDocuments yaml = gatewayapi::ParseYaml(*text);
  if (!yaml.errors.empty()) {
    const gatewayapi::YamlError& error = yaml.errors.front();
    return absl::InvalidArgumentError(absl::StrCat("kubeconfig ", path, ":", error.line, ":", error.column,
                                                   ": not readable as YAML: ", error.message,
                                                   "; correct the file, or name another one"));
  }
  if (!yaml.documents.empty()) file->root = std::move(yaml.documents.front());
  if (file->root.kind == YamlNode::Kind::kNull) {
    return absl::InvalidArgumentError(absl::StrCat("kubeconfig ", path, " is empty; name another one"));
  }
  return file;
}

// An entry of clusters, users or contexts by its name: what stands below `field`.
struct Entry {
  File* file = nullptr;
  std::optional<Place> list;  // "users"
  std::optional<Place> item;  // "users[0]"
  std::optional<Place> body;  // "users[0].user"
};

// Places point to those above them, so an entry stays where it was made.
std::unique_ptr<Entry> FindIn(File& file, const Place& top, std::string_view list, std::string_view field,
                              const std::string& name) {
  auto entry = std::make_unique<Entry>();
  entry->file = &file;
  Fields fields(top);
  std::optional<Place> entries = fields.Find(list);
  if (!entries) return nullptr;
  if (entries->node().kind != YamlNode::Kind::kSequence) {
    entries->Refuse("must be a list", "write its entries with \"- \" in front");
    return nullptr;
  }
  entry->list.emplace(top, list, entries->node());
  for (std::size_t i = 0; i < entries->node().items.size(); ++i) {
    entry->item.emplace(*entry->list, i, entries->node().items[i]);
    Fields item(*entry->item);
    std::string found;
    item.RequireText("name", kAnyText, &found);
    if (found != name) continue;
    std::optional<Place> body = item.Require(field, "write what belongs to the name");
    if (!body) return nullptr;
    entry->body.emplace(*entry->item, field, body->node());
    return entry;
  }
  return nullptr;
}

// Bytes given beside, by file or inline as base64; inline wins, as with kubectl.
std::string ReadBytes(const Place& place, Fields& fields, std::string_view data_field, std::string_view file_field) {
  std::string data;
  std::string path;
  fields.Text(data_field, kFreeText, &data);
  fields.Text(file_field, kFreeText, &path);
  if (!data.empty()) {
    std::optional<std::string> bytes = gatewayapi::DecodeBase64(data);
    if (!bytes) {
      place.RefuseField(data_field, "must be base64",
                        "write it again with kubectl config set-credentials or set-cluster");
    }
    return bytes.value_or("");
  }
  if (path.empty()) return {};
  const auto base = std::filesystem::path(place.decoding().file).parent_path();
  auto text = ReadFile((base / path).string());  // an absolute path stays what it is
  if (!text.ok()) place.RefuseField(file_field, std::string(text.status().message()), "correct the path");
  return text.ok() ? *std::move(text) : std::string();
}

void ReadCluster(const Place& place, ServerOptions* out) {
  Fields fields(place);
  fields.RequireText("server", kAnyText, &out->url);
  out->ca_pem = ReadBytes(place, fields, "certificate-authority-data", "certificate-authority");
  fields.Boolean("insecure-skip-tls-verify", &out->insecure);
  fields.Text("tls-server-name", kAnyText, &out->tls_server_name);
  if (fields.Has("proxy-url")) {
    place.RefuseField("proxy-url", "is not supported", "remove it and connect without a proxy");
  }
  if (out->insecure && !out->ca_pem.empty()) {
    place.RefuseField("insecure-skip-tls-verify", "must not be set beside a certificate authority",
                      "remove one of the two");
  }
}

void ReadUser(const Place& place, ServerOptions* out) {
  Fields fields(place);
  constexpr std::string_view kInstead =
      "use a service account: write `token: TOKEN` with what `kubectl create token` prints, or a client certificate";
  for (const std::string_view plugin : {"exec", "auth-provider"}) {
    if (fields.Has(plugin)) {
      place.RefuseField(plugin, "plug-ins that fetch credentials are not run", std::string(kInstead));
    }
  }
  if (fields.Has("username") || fields.Has("password")) {
    place.RefuseField(fields.Has("username") ? "username" : "password", "API servers take no passwords any more",
                      std::string(kInstead));
  }
  for (const std::string_view as : {"as", "as-uid", "as-groups", "as-user-extra"}) {
    if (fields.Has(as)) place.RefuseField(as, "impersonation is not supported", "remove it and be the user itself");
  }
  std::string token;
  fields.Text("token", kFreeText, &token);
  out->token = SecretBytes(std::move(token));
  std::string token_file;
  fields.Text("tokenFile", kFreeText, &token_file);
  if (!token_file.empty()) {
    out->token_file = (std::filesystem::path(place.decoding().file).parent_path() / token_file).string();
  }
  out->client_certificate_pem = ReadBytes(place, fields, "client-certificate-data", "client-certificate");
  out->client_key_pem = SecretBytes(ReadBytes(place, fields, "client-key-data", "client-key"));
  if (out->client_certificate_pem.empty() != out->client_key_pem.Reveal().empty() && !place.decoding().refused) {
    place.RefuseField(out->client_key_pem.Reveal().empty() ? "client-key" : "client-certificate",
                      "is missing: a certificate and its key belong together", "add it");
  }
}

// All files, merged: the first one that knows a name wins.
class Merged {
 public:
  explicit Merged(std::vector<std::unique_ptr<File>> files) : files_(std::move(files)) {
    for (const std::unique_ptr<File>& file : files_)
      tops_.push_back(std::make_unique<Place>(file->decoding, file->root));
  }

  absl::StatusOr<KubeConfig> Read(std::string context) {
    if (context.empty()) context = CurrentContext();
    if (absl::Status status = FirstProblem(); !status.ok()) return status;
    if (context.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("kubeconfig ", Paths(),
                                                     ": no current-context; run `kubectl config use-context NAME`, or "
                                                     "name a context"));
    }
    auto entry = Find("contexts", "context", context);
    if (!entry.ok()) return entry.status();
    std::string cluster;
    std::string user;
    KubeConfig result;
    result.namespace_ = "default";
    {
      Fields fields(*(*entry)->body);
      fields.RequireText("cluster", kAnyText, &cluster);
      fields.Text("user", kAnyText, &user);
      fields.Text("namespace", gatewayapi::kDnsLabel, &result.namespace_);
    }
    result.origin = absl::StrCat((*entry)->file->path, ", context ", context);
    if (absl::Status status = FirstProblem(); !status.ok()) return status;
    auto cluster_entry = Find("clusters", "cluster", cluster);
    if (!cluster_entry.ok()) return cluster_entry.status();
    ReadCluster(*(*cluster_entry)->body, &result.server);
    if (!user.empty()) {
      auto user_entry = Find("users", "user", user);
      if (!user_entry.ok()) return user_entry.status();
      ReadUser(*(*user_entry)->body, &result.server);
    }
    if (absl::Status status = FirstProblem(); !status.ok()) return status;
    return result;
  }

 private:
  std::string CurrentContext() {
    for (const std::unique_ptr<Place>& top : tops_) {
      Fields fields(*top);
      std::string name;
      fields.Text("current-context", kFreeText, &name);
      if (!name.empty()) return name;
    }
    return {};
  }

  absl::StatusOr<std::unique_ptr<Entry>> Find(std::string_view list, std::string_view field, const std::string& name) {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      std::unique_ptr<Entry> entry = FindIn(*files_[i], *tops_[i], list, field, name);
      if (absl::Status status = FirstProblem(); !status.ok()) return status;
      if (entry != nullptr) return entry;
    }
    return absl::InvalidArgumentError(absl::StrCat("kubeconfig ", Paths(), ": ", std::string(list), " has no entry \"",
                                                   name,
                                                   "\"; add it, or choose another context (`kubectl config "
                                                   "get-contexts` lists them)"));
  }

  absl::Status FirstProblem() const {
    for (const std::unique_ptr<File>& file : files_) {
      if (absl::Status status = ProblemsOf(file->decoding); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::string Paths() const {
    std::string paths;
    for (const std::unique_ptr<File>& file : files_) absl::StrAppend(&paths, paths.empty() ? "" : ":", file->path);
    return paths;
  }

  std::vector<std::unique_ptr<File>> files_;
  std::vector<std::unique_ptr<Place>> tops_;
};

absl::StatusOr<KubeConfig> ReadFiles(const std::vector<std::string>& paths, const std::string& context) {
  std::vector<std::unique_ptr<File>> files;
  absl::Status missing;
  for (const std::string& path : paths) {
    auto file = LoadFile(path);
    if (file.ok()) {
      files.push_back(*std::move(file));
    } else if (!absl::IsNotFound(file.status())) {
      return file.status();
    } else if (missing.ok()) {
      missing = file.status();
    }
  }
  // Of several, some may be missing; kubectl sees it so, too.
  if (files.empty()) return missing;
  return Merged(std::move(files)).Read(context);
}

absl::StatusOr<KubeConfig> InCluster(const std::string& host, const std::string& port, const std::string& folder) {
  KubeConfig result;
  result.origin = "in-cluster";
  result.server.url =
      absl::StrCat("https://", absl::StrContains(host, ':') ? absl::StrCat("[", host, "]") : host, ":", port);
  result.server.token_file = folder + "/token";
  auto ca = ReadFile(folder + "/ca.crt");
  if (!ca.ok()) {
    return absl::NotFoundError(absl::StrCat("in-cluster: ", std::string(ca.status().message()),
                                            "; the pod needs automountServiceAccountToken: true"));
  }
  result.server.ca_pem = *std::move(ca);
  auto name = ReadFile(folder + "/namespace");
  result.namespace_ = name.ok() && !name->empty() ? *name : "default";
  return result;
}

}  // namespace

absl::StatusOr<KubeConfig> FindKubeConfig(const KubeConfigSearch& search) {
  const auto environment = [&](const char* name) -> std::string {
    if (search.environment) return search.environment(name).value_or("");
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (!search.file.empty()) return ReadFiles({search.file}, search.context);
  if (const std::string listed = environment("KUBECONFIG"); !listed.empty()) {
    return ReadFiles(absl::StrSplit(listed, ':', absl::SkipEmpty()), search.context);
  }
  const std::string host = environment("KUBERNETES_SERVICE_HOST");
  const std::string port = environment("KUBERNETES_SERVICE_PORT");
  if (!host.empty() && search.context.empty()) {
    return InCluster(host, port.empty() ? "443" : port, search.service_account_folder);
  }
  const std::string home = environment("HOME");
  const std::string file = home + "/.kube/config";
  std::error_code ignored;
  if (home.empty() || !std::filesystem::exists(file, ignored)) {
    return absl::NotFoundError(
        "no API server is known: this is no pod, KUBECONFIG isn't set and there is no ~/.kube/config; name a "
        "kubeconfig");
  }
  return ReadFiles({file}, search.context);
}

}  // namespace portreeve::kube
