{{/* Name of every object of this release. */}}
{{- define "anomaly-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains "anomaly-operator" .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-anomaly-operator" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "anomaly-operator.selectorLabels" -}}
app.kubernetes.io/name: anomaly-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "anomaly-operator.labels" -}}
{{ include "anomaly-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: anomaly-pipeline
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- range $name, $value := omit .Values.commonLabels "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/component" "app.kubernetes.io/part-of" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "anomaly-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "anomaly-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The operator's image; a tag that is a digest ("sha256:...") is joined with @. */}}
{{- define "anomaly-operator.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- printf "%s%s%s" .Values.image.repository (ternary "@" ":" (hasPrefix "sha256:" $tag)) $tag -}}
{{- end -}}

{{/* The data plane's image for pipelines that name none: the one released with this operator. */}}
{{- define "anomaly-operator.dataplaneImage" -}}
{{- default (printf "anomaly-pipeline/dataplane:%s" .Chart.AppVersion) .Values.dataplane.image -}}
{{- end -}}

{{/* Name of cluster-scoped objects: two releases in two namespaces must not meet. */}}
{{- define "anomaly-operator.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "anomaly-operator.fullname" .) | trunc 58 | trimSuffix "-" -}}
{{- end -}}

{{/* Annotations of what exists only for a moment after an uninstall; takes the weight. */}}
{{- define "anomaly-operator.letGoHook" -}}
helm.sh/hook: post-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
{{- end -}}
