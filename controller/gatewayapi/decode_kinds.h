// One function per kind: from the fields of a document to the struct. Only decode*.cc includes this.
#pragma once

#include <memory>
#include <vector>

#include "controller/gatewayapi/fields.h"
#include "controller/gatewayapi/types.h"

namespace portreeve::gatewayapi {

// Each has been asked for apiVersion, kind and metadata already, and calls top.Done().
std::shared_ptr<const GatewayClass> DecodeGatewayClass(Fields& top, ObjectMeta meta);
std::shared_ptr<const Gateway> DecodeGateway(Fields& top, ObjectMeta meta);
std::shared_ptr<const HTTPRoute> DecodeHTTPRoute(Fields& top, ObjectMeta meta);
std::shared_ptr<const ReferenceGrant> DecodeReferenceGrant(Fields& top, ObjectMeta meta);
std::shared_ptr<const Namespace> DecodeNamespace(Fields& top, ObjectMeta meta);
std::shared_ptr<const Service> DecodeService(Fields& top, ObjectMeta meta);
std::shared_ptr<const EndpointSlice> DecodeEndpointSlice(Fields& top, ObjectMeta meta);
std::shared_ptr<const Secret> DecodeSecret(Fields& top, ObjectMeta meta);
std::shared_ptr<const ConfigMap> DecodeConfigMap(Fields& top, ObjectMeta meta);
std::shared_ptr<const DataPlaneConfig> DecodeDataPlaneConfig(Fields& top, ObjectMeta meta);

// metadata of an object of this kind.
void ReadObjectMeta(const Place& place, Kind kind, ObjectMeta* out);

// What several kinds have in common (decode_common.cc).
void ReadCondition(const Place& place, Condition* out);
void ReadConditions(Fields& fields, std::vector<Condition>* out);
void ReadLabelSelector(const Place& place, LabelSelector* out);
void ReadLocalReference(const Place& place, LocalObjectReference* out);
// group and kind required, namespace optional
void ReadReference(const Place& place, ObjectReference* out);
// group "" and kind "Secret" by default
void ReadSecretReference(const Place& place, ObjectReference* out);
void ReadRouteGroupKind(const Place& place, RouteGroupKind* out);
// group, kind, namespace, name and port with the rules that hold for them; the caller has more fields to read.
void ReadBackendFields(Fields& fields, std::string* group, std::string* kind, std::optional<std::string>* namespace_,
                       std::string* name, std::optional<uint16_t>* port);

// Filters of rules and of backendRefs (decode_http_filter.cc).
void ReadFilters(Fields& fields, std::vector<HTTPRouteFilter>* out);

}  // namespace portreeve::gatewayapi
