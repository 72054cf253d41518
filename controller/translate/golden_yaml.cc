#include "controller/translate/golden_yaml.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <optional>
#include <vector>

#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Condition;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool IsPlain(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.-_";
  if (text.empty() || text == "True" || text == "False" || text == "null" || text == "-") return false;
  if (text.find_first_not_of("0123456789.-") == std::string_view::npos) return false;
  return text.find_first_not_of(kPlain) == std::string_view::npos;
}

std::string Quote(std::string_view text) {
  if (IsPlain(text)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// FNV-1a: says "the same" or "another", nothing else.
std::string Redact(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return Concat("[redacted, ", bytes.size(), " bytes, hash ", hash, "]");
}

std::string Scalar(const Message& message, const FieldDescriptor& field, std::optional<int> index) {
  const google::protobuf::Reflection& of = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = index ? of.GetRepeatedString(message, &field, *index) : of.GetString(message, &field);
      return Quote(field.type() == FieldDescriptor::TYPE_BYTES ? Redact(text) : text);
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return of.GetEnum(message, &field)->name();
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(of.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(of.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return of.GetBool(message, &field) ? "true" : "false";
    default:
      return "?";
  }
}

void Print(const Message& message, const std::string& indent, std::string* out);

// Lists of messages as block sequences, lists of scalars on one line.
void PrintList(const Message& message, const FieldDescriptor& field, const std::string& indent, std::string* out) {
  const google::protobuf::Reflection& of = *message.GetReflection();
  const int size = of.FieldSize(message, &field);
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    std::vector<std::string> items;
    for (int i = 0; i < size; ++i) items.push_back(Scalar(message, field, i));
    *out += Concat(indent, field.name(), ": [", JoinNames(items), "]\n");
    return;
  }
  *out += Concat(indent, field.name(), ":\n");
  for (int i = 0; i < size; ++i) {
    std::string item;
    Print(of.GetRepeatedMessage(message, &field, i), indent + "  ", &item);
    if (item.empty()) item = Concat(indent, "  {}\n");
    item[indent.size()] = '-';
    *out += item;
  }
}

void Print(const Message& message, const std::string& indent, std::string* out) {
  const google::protobuf::Reflection& of = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  of.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated()) {
      PrintList(message, *field, indent, out);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      std::string inner;
      Print(of.GetMessage(message, field), indent + "  ", &inner);
      *out += Concat(indent, field->name(), inner.empty() ? ": {}\n" : ":\n", inner);
    } else if (field->name() != "key" && field->name() != "version") {
      *out += Concat(indent, field->name(), ": ", Scalar(message, *field, std::nullopt), "\n");
    }
  }
}

// One line for each: type=status/reason @observedGeneration: message.
void PrintConditions(const std::vector<Condition>& conditions, const std::string& indent, std::string* out) {
  *out += Concat(indent, "conditions:\n");
  for (const Condition& condition : conditions) {
    std::string line = Concat(condition.type, "=", condition.status, "/", condition.reason);
    if (condition.observed_generation) line += Concat(" @", *condition.observed_generation);
    line += Concat(": ", condition.message);
    if (!condition.last_transition_time.empty()) line += Concat(" (since ", condition.last_transition_time, ")");
    *out += Concat(indent, "- ", Quote(line), "\n");
  }
}

void PrintGateway(const gatewayapi::GatewayStatus& status, std::string* out) {
  PrintConditions(status.conditions, "    ", out);
  *out += "    listeners:\n";
  for (const gatewayapi::ListenerStatus& listener : status.listeners) {
    std::vector<std::string> kinds;
    for (const gatewayapi::RouteGroupKind& kind : listener.supported_kinds)
      kinds.push_back(kind.group + "/" + kind.kind);
    *out += Concat("    - name: ", listener.name, "\n      supportedKinds: [", JoinNames(kinds),
                   "]\n      attachedRoutes: ", listener.attached_routes, "\n");
    PrintConditions(listener.conditions, "      ", out);
  }
}

void PrintRoute(const gatewayapi::HTTPRoute::Status& status, std::string* out) {
  *out += Concat("    parents:", status.parents.empty() ? " []\n" : "\n");
  for (const gatewayapi::RouteParentStatus& parent : status.parents) {
    const gatewayapi::ParentReference& ref = parent.parent_ref;
    *out += Concat("    - parentRef: {group: ", ref.group, ", kind: ", ref.kind);
    if (ref.namespace_) *out += Concat(", namespace: ", *ref.namespace_);
    *out += Concat(", name: ", ref.name);
    if (ref.section_name) *out += Concat(", sectionName: ", *ref.section_name);
    if (ref.port) *out += Concat(", port: ", *ref.port);
    *out += Concat("}\n      controllerName: ", parent.controller_name, "\n");
    PrintConditions(parent.conditions, "      ", out);
  }
}

}  // namespace

std::string ToYaml(const Translation& translation) {
  std::string out = Concat("gateways:", translation.gateways.empty() ? " {}\n" : "\n");
  for (const auto& [name, resources] : translation.gateways) {
    out += Concat("  ", name, ":", resources.empty() ? " {}\n" : "\n");
    for (const auto& [key, resource] : resources) {
      out += Concat("    ", Quote(key), ":\n");
      Print(*resource, "      ", &out);
    }
  }
  out += Concat("statuses:", translation.statuses.empty() ? " {}\n" : "\n");
  for (const ObjectStatus& status : translation.statuses) {
    out += Concat("  ", status.key.ToString(), ":\n    generation: ", status.generation, "\n");
    if (status.gateway_class != nullptr) {
      PrintConditions(status.gateway_class->conditions, "    ", &out);
      out += Concat("    supportedFeatures: ", status.gateway_class->supported_features.size(), "\n");
    }
    if (status.gateway != nullptr) PrintGateway(*status.gateway, &out);
    if (status.route != nullptr) PrintRoute(*status.route, &out);
  }
  return out;
}

}  // namespace portreeve::translate
