// metadata, conditions, selectors and references: what several kinds share.
#include <utility>

#include "controller/gatewayapi/decode_kinds.h"

namespace portreeve::gatewayapi {
namespace {

const TextRule kLabelKey{IsQualifiedName, "must be of the form name or domain/name", "rename it", 1, 317};
const TextRule kLabelValue{IsLabelValue,
                           "must be letters, digits, '-', '_' and '.', with a letter or digit at both ends",
                           "shorten or rename it", 0, 63};

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

bool NeedsLabelName(Kind kind) {
  return kind == Kind::kNamespace || kind == Kind::kService;
}

void ReadNamespace(Fields& fields, Kind kind, ObjectMeta* out) {
  if (!IsClusterScoped(kind)) {
    out->namespace_ = "default";
    fields.Text("namespace", kDnsLabel, &out->namespace_);
    return;
  }
  if (std::optional<Place> place = fields.Find("namespace"); place && !place->node().text.empty()) {
    place->Refuse(Concat({"must not be set: a ", ToString(kind), " has no namespace"}), "remove it");
  }
}

}  // namespace

void ReadObjectMeta(const Place& place, Kind kind, ObjectMeta* out) {
  Fields fields(place);
  fields.RequireText("name", NeedsLabelName(kind) ? kDnsLabel : kObjectName, &out->name);
  ReadNamespace(fields, kind, out);
  fields.TextMap("labels", kLabelKey, kLabelValue, 4096, &out->labels);
  fields.TextMap("annotations", kLabelKey, kFreeText, 4096, &out->annotations);
  out->annotations.erase(std::string(kLastApplied));
  fields.Integer("generation", 0, std::numeric_limits<int64_t>::max(), &out->generation);
  fields.Text("uid", kAnyText, &out->uid);
  fields.Text("resourceVersion", kAnyText, &out->resource_version);
  std::string created;
  if (std::optional<Place> time = fields.Find("creationTimestamp"); time && time->Text(kFreeText, &created)) {
    if (std::optional<int64_t> seconds = ParseTimestamp(created)) {
      out->creation_timestamp = *seconds;
    } else {
      time->Refuse("must be an RFC 3339 time", "write it as in \"2024-01-31T12:00:00Z\"");
    }
  }
  fields.Ignore({"generateName", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers",
                 "managedFields", "selfLink"});
  fields.Done();
}

void ReadCondition(const Place& place, Condition* out) {
  Fields fields(place);
  fields.RequireText("type", kAnyText, &out->type);
  std::optional<std::string> status;
  if (fields.Require("status", "write \"True\", \"False\" or \"Unknown\"")) {
    fields.Word("status", {"True", "False", "Unknown"}, &status);
  }
  out->status = status.value_or("Unknown");
  fields.Text("reason", kAnyText, &out->reason);
  fields.Text("message", kFreeText, &out->message);
  fields.Integer("observedGeneration", 0, std::numeric_limits<int64_t>::max(), &out->observed_generation);
  fields.Text("lastTransitionTime", kAnyText, &out->last_transition_time);
  fields.Done();
}

void ReadConditions(Fields& fields, std::vector<Condition>* out) {
  fields.List("conditions", 0, 8, out, [&](const Place& place, Condition* condition) {
    ReadCondition(place, condition);
    for (const Condition& other : *out) {
      if (&other != condition && other.type == condition->type) {
        place.RefuseField("type", Concat({"\"", condition->type, "\" occurs twice"}), "remove one of the two");
      }
    }
  });
}

void ReadLabelSelector(const Place& place, LabelSelector* out) {
  using Operator = LabelSelectorRequirement::Operator;
  Fields fields(place);
  fields.TextMap("matchLabels", kLabelKey, kLabelValue, 4096, &out->match_labels);
  fields.List("matchExpressions", 0, 4096, &out->match_expressions,
              [](const Place& item, LabelSelectorRequirement* requirement) {
                Fields parts(item);
                parts.RequireText("key", kLabelKey, &requirement->key);
                parts.RequireEnum<Operator>("operator",
                                            {{"In", Operator::kIn},
                                             {"NotIn", Operator::kNotIn},
                                             {"Exists", Operator::kExists},
                                             {"DoesNotExist", Operator::kDoesNotExist}},
                                            &requirement->op);
                parts.TextList("values", kLabelValue, 4096, false, &requirement->values);
                parts.Done();
                const bool wants_values = requirement->op == Operator::kIn || requirement->op == Operator::kNotIn;
                if (wants_values == requirement->values.empty() && !item.decoding().refused) {
                  item.RefuseField("values",
                                   wants_values ? "must have an entry for In and NotIn"
                                                : "must be empty for Exists and DoesNotExist",
                                   wants_values ? "add the values to compare with" : "remove it");
                }
              });
  fields.Done();
}

void ReadLocalReference(const Place& place, LocalObjectReference* out) {
  Fields fields(place);
  if (fields.Require("group", "write the API group, \"\" for core")) fields.Text("group", kGroup, &out->group);
  fields.RequireText("kind", kKindName, &out->kind);
  fields.RequireText("name", kReferencedName, &out->name);
  fields.Done();
}

void ReadReference(const Place& place, ObjectReference* out) {
  Fields fields(place);
  if (fields.Require("group", "write the API group, \"\" for core")) fields.Text("group", kGroup, &out->group);
  fields.RequireText("kind", kKindName, &out->kind);
  fields.RequireText("name", kReferencedName, &out->name);
  fields.Text("namespace", kDnsLabel, &out->namespace_);
  fields.Done();
}

void ReadSecretReference(const Place& place, ObjectReference* out) {
  Fields fields(place);
  out->kind = "Secret";
  fields.Text("group", kGroup, &out->group);
  fields.Text("kind", kKindName, &out->kind);
  fields.RequireText("name", kReferencedName, &out->name);
  fields.Text("namespace", kDnsLabel, &out->namespace_);
  fields.Done();
}

void ReadRouteGroupKind(const Place& place, RouteGroupKind* out) {
  Fields fields(place);
  fields.Text("group", kGroup, &out->group);
  fields.RequireText("kind", kKindName, &out->kind);
  fields.Done();
}

void ReadBackendFields(Fields& fields, std::string* group, std::string* kind, std::optional<std::string>* namespace_,
                       std::string* name, std::optional<uint16_t>* port) {
  fields.Text("group", kGroup, group);
  fields.Text("kind", kKindName, kind);
  fields.Text("namespace", kDnsLabel, namespace_);
  fields.RequireText("name", kReferencedName, name);
  fields.Port("port", port);
  if (group->empty() && *kind == "Service" && !fields.Has("port")) {
    fields.place().RefuseField("port", "is required for a Service", "write the port of the Service to send to");
  }
  if (*group == "gateway.networking.x-k8s.io" && *kind == "XBackend" && fields.Has("port")) {
    fields.place().RefuseField("port", "must not be set for an XBackend", "remove it");
  }
}

}  // namespace portreeve::gatewayapi
