{{/*
Names are the same in every release: one namespace holds one controller. Names of cluster-wide objects end with the
namespace, so that several controllers can share a cluster.
*/}}
{{- define "portreeve.name" -}}
portreeve-controller
{{- end }}

{{- define "portreeve.clusterName" -}}
portreeve-controller.{{ .Release.Namespace }}
{{- end }}

{{- define "portreeve.selectorLabels" -}}
app.kubernetes.io/name: portreeve
app.kubernetes.io/component: controller
{{- end }}

{{- define "portreeve.labels" -}}
{{ include "portreeve.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* REPOSITORY:TAG, or REPOSITORY@DIGEST. Takes a list: the root and the image's values. */}}
{{- define "portreeve.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Labels of the pods that a controller makes for Gateways. */}}
{{- define "portreeve.dataplaneLabels" -}}
app.kubernetes.io/component: dataplane
app.kubernetes.io/managed-by: portreeve
{{- end }}

{{/* The namespaces that data planes are in. */}}
{{- define "portreeve.dataplaneNamespaces" -}}
{{- with .Values.watchNamespaces -}}
matchExpressions:
- key: kubernetes.io/metadata.name
  operator: In
  values:
  {{- toYaml . | nindent 2 }}
{{- else -}}
{}
{{- end }}
{{- end }}
