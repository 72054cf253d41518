#include "controller/gatewayapi/decode.h"

#include <absl/strings/ascii.h>

#include <algorithm>

#include <iterator>
#include <optional>
#include <utility>

#include "controller/gatewayapi/decode_kinds.h"

namespace portreeve::gatewayapi {
namespace {

enum class Known { kYes, kUnknownKind, kUnknownVersion };

struct Identity {
  Known known = Known::kUnknownKind;
  Kind kind = Kind::kGatewayClass;
};

Identity Identify(std::string_view api_version, std::string_view kind_name) {
  Identity identity;
  const std::optional<Kind> kind = KindFromName(kind_name);
  const size_t slash = api_version.find('/');
  const std::string_view group = slash == std::string_view::npos ? "" : api_version.substr(0, slash);
  const std::string_view version = slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
  if (!kind || GroupOf(*kind) != group) return identity;
  identity.kind = *kind;
  const bool served = version == VersionOf(*kind) || (group == kGatewayGroup && version == "v1beta1");
  identity.known = served ? Known::kYes : Known::kUnknownVersion;
  return identity;
}

Object DecodeKind(Kind kind, Fields& top, ObjectMeta meta) {
  switch (kind) {
    case Kind::kGatewayClass:
      return DecodeGatewayClass(top, std::move(meta));
    case Kind::kGateway:
      return DecodeGateway(top, std::move(meta));
    case Kind::kHTTPRoute:
      return DecodeHTTPRoute(top, std::move(meta));
    case Kind::kReferenceGrant:
      return DecodeReferenceGrant(top, std::move(meta));
    case Kind::kNamespace:
      return DecodeNamespace(top, std::move(meta));
    case Kind::kService:
      return DecodeService(top, std::move(meta));
    case Kind::kEndpointSlice:
      return DecodeEndpointSlice(top, std::move(meta));
    case Kind::kSecret:
      return DecodeSecret(top, std::move(meta));
    case Kind::kConfigMap:
      return DecodeConfigMap(top, std::move(meta));
    case Kind::kDataPlaneConfig:
      break;
  }
  return DecodeDataPlaneConfig(top, std::move(meta));
}

bool IsList(std::string_view api_version, std::string_view kind) {
  if (api_version == "v1" && kind == "List") return true;
  return kind.ends_with("List") && Identify(api_version, kind.substr(0, kind.size() - 4)).known == Known::kYes;
}

// One file's worth of decoding: what all its documents have in common.
class DocumentDecoder {
 public:
  DocumentDecoder(std::string_view file, int line_offset, DecodeResult* result)
      : file_(file), line_offset_(line_offset), result_(result) {}

  void Decode(const YamlNode& document) { DecodeNode(document, "", 0); }

 private:
  static constexpr int kMaxListDepth = 1;  // a List in a List is refused

  Decoding NewDecoding(const std::string& where) const {
    Decoding decoding;
    decoding.file = file_;
    decoding.line_offset = line_offset_;
    decoding.object = where;
    return decoding;
  }

  void Collect(Decoding& decoding) {
    std::move(decoding.problems.begin(), decoding.problems.end(), std::back_inserter(result_->problems));
  }

  void DecodeNode(const YamlNode& node, const std::string& where, int list_depth) {
    if (node.kind == YamlNode::Kind::kNull) return;  // nothing but comments
    Decoding decoding = NewDecoding(where);
    const Place place(decoding, node);
    Fields top(place);
    std::string api_version;
    std::string kind_name;
    top.RequireText("apiVersion", kAnyText, &api_version);
    top.RequireText("kind", kAnyText, &kind_name);
    if (decoding.refused) {
      result_->unnamed_refused = true;
    } else if (list_depth < kMaxListDepth && IsList(api_version, kind_name)) {
      DecodeList(top, kind_name, list_depth);
    } else {
      DecodeObject(decoding, top, api_version, kind_name);
    }
    Collect(decoding);
  }

  void DecodeList(Fields& top, const std::string& kind_name, int list_depth) {
    top.Ignore({"metadata"});
    std::optional<Place> items = top.Require("items", "write items: [] or a list of objects");
    top.Done();
    if (items && items->node().kind != YamlNode::Kind::kSequence) {
      items->Refuse("must be a list", "write its entries with \"- \" in front");
    } else if (items) {
      for (size_t i = 0; i < items->node().items.size(); ++i) {
        DecodeNode(items->node().items[i], Concat({kind_name, " items[", std::to_string(i), "]"}), list_depth + 1);
      }
    }
    if (top.place().decoding().refused) result_->unnamed_refused = true;
  }

  void DecodeObject(Decoding& decoding, Fields& top, const std::string& api_version, const std::string& kind_name) {
    const Identity identity = Identify(api_version, kind_name);
    if (identity.known == Known::kUnknownKind) {
      const YamlNode& node = top.place().node();
      const bool plain =
          std::ranges::all_of(kind_name, [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); });
      if (!plain) {
        // yaml-cpp takes the rest of a file for the value where a quote is left open.
        decoding.Add(Problem::Severity::kError, node.line, node.column, "kind", "must be the name of a kind",
                     "write one word; a quote that isn't closed swallows what follows");
        decoding.refused = true;
        result_->unnamed_refused = true;
        return;
      }
      const std::string shown =
          Concat({std::string_view(kind_name).substr(0, 80), " of ", std::string_view(api_version).substr(0, 80)});
      decoding.Add(Problem::Severity::kWarning, node.line, node.column, "kind",
                   Concat({"\"", shown, "\" is not a kind that Portreeve reads, so it is ignored"}),
                   "check kind and apiVersion if it should be");
      return;
    }
    decoding.secret = identity.kind == Kind::kSecret;
    std::optional<Place> metadata = top.Require("metadata", "write metadata with a name");
    ObjectMeta meta;
    if (metadata) ReadObjectMeta(*metadata, identity.kind, &meta);
    if (meta.name.empty() || (decoding.refused && !NamesObject(*metadata, meta))) {
      decoding.refused = true;
      result_->unnamed_refused = true;
      return;
    }
    const ObjectKey key{identity.kind, meta.namespace_, meta.name};
    decoding.object = key.ToString();
    for (Problem& problem : decoding.problems) problem.object = decoding.object;
    const int line = top.place().node().line + line_offset_;
    if (identity.known == Known::kUnknownVersion) {
      top.place().RefuseField("apiVersion", Concat({top.Find("apiVersion")->Quoted(), " is not served"}),
                              Concat({"write ", ApiVersionOf(identity.kind)}));
      result_->refused.push_back({key, line});
      return;
    }
    RefuseDuplicateKeys(top.place());
    Object object = DecodeKind(identity.kind, top, std::move(meta));
    if (decoding.refused) {
      result_->refused.push_back({key, line});
    } else {
      result_->objects.push_back({key, std::move(object), line});
    }
  }

  // With other faults in metadata, are name and namespace still what the author wrote?
  static bool NamesObject(const Place& metadata, const ObjectMeta& meta) {
    Fields fields(metadata);
    std::optional<Place> space = fields.Find("namespace");
    return !space || space->node().text == meta.namespace_ || meta.namespace_.empty();
  }

  std::string file_;
  int line_offset_;
  DecodeResult* result_;
};

void Append(DecodeResult part, DecodeResult* whole) {
  std::move(part.objects.begin(), part.objects.end(), std::back_inserter(whole->objects));
  std::move(part.refused.begin(), part.refused.end(), std::back_inserter(whole->refused));
  std::move(part.problems.begin(), part.problems.end(), std::back_inserter(whole->problems));
  whole->syntax_error |= part.syntax_error;
  whole->unnamed_refused |= part.unnamed_refused;
}

}  // namespace

DecodeResult DecodeDocument(const DocumentText& document, std::string_view file_name) {
  DecodeResult result;
  const int line_offset = document.first_line - 1;
  YamlDocuments yaml = ParseYaml(document.text);
  if (!yaml.errors.empty()) {
    const YamlError& error = yaml.errors.front();
    Problem problem;
    problem.file = file_name;
    problem.line = error.line + line_offset;
    problem.column = error.column;
    problem.message = Concat({"not readable as YAML: ", error.message});
    problem.remedy = "correct the file; its last good state stays in service";
    result.problems.push_back(std::move(problem));
    result.syntax_error = true;
    return result;
  }
  DocumentDecoder decoder(file_name, line_offset, &result);
  for (const YamlNode& node : yaml.documents) decoder.Decode(node);
  return result;
}

DecodedServerObject DecodeServerObject(Kind kind, const YamlNode& object, std::string_view origin) {
  DecodedServerObject result;
  result.key.kind = kind;
  Decoding decoding;
  decoding.file = origin;
  decoding.object = ToString(kind);
  decoding.secret = kind == Kind::kSecret;
  decoding.lenient = true;
  const Place place(decoding, object);
  Fields top(place);
  ObjectMeta meta;
  if (std::optional<Place> metadata = top.Require("metadata", "write metadata with a name")) {
    ReadObjectMeta(*metadata, kind, &meta);
  }
  if (!meta.name.empty()) {
    result.key = {kind, meta.namespace_, meta.name};
    decoding.object = result.key.ToString();
    for (Problem& problem : decoding.problems) problem.object = decoding.object;
    RefuseDuplicateKeys(place);
    Object decoded = DecodeKind(kind, top, std::move(meta));
    if (!decoding.refused) result.object = std::move(decoded);
  }
  result.problems = std::move(decoding.problems);
  return result;
}

DecodeResult DecodeDocuments(std::string_view text, std::string_view file_name) {
  DecodeResult result;
  for (const DocumentText& document : SplitDocuments(text)) {
    Append(DecodeDocument(document, file_name), &result);
  }
  if (result.syntax_error) {
    result.objects.clear();
    result.refused.clear();
    std::erase_if(result.problems, [](const Problem& problem) { return !problem.object.empty(); });
  }
  return result;
}

}  // namespace portreeve::gatewayapi
