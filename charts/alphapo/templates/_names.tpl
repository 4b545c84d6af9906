{{/* Names and labels. Those of a component take (dict "root" $ "component" "scorer"). */}}

{{- define "alphapo.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.name" -}}
{{- printf "%s-%s" (include "alphapo.fullname" .root) .component -}}
{{- end -}}

{{/* Host of a Service, without the cluster's domain: NAME.NAMESPACE.svc. */}}
{{- define "alphapo.host" -}}
{{- printf "%s.%s.svc" (include "alphapo.name" .) .root.Release.Namespace -}}
{{- end -}}

{{- define "alphapo.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "alphapo.labels" -}}
{{ include "alphapo.selector" . }}
app.kubernetes.io/part-of: alphapo
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* The label of pods that may call the services. */}}
{{- define "alphapo.clientLabel" -}}
{{ include "alphapo.fullname" . }}-client: "true"
{{- end -}}

{{/* An image's reference. Takes (dict "image" … "defaultTag" "…"). */}}
{{- define "alphapo.imageReference" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .defaultTag) -}}
{{- end -}}
{{- end -}}

{{/* The image of a component: its own `image`, else the common one. */}}
{{- define "alphapo.image" -}}
{{- $common := .root.Values.image -}}
{{- $own := dict -}}
{{- if ne .component "job" -}}{{- $own = (index .root.Values .component).image -}}{{- end -}}
{{- $computes := has .component (list "scorer" "sampler") -}}
{{- if and $computes (eq (index .root.Values .component | default dict).device "cuda") (not $own.repository) -}}
{{- $common = merge (dict "repository" (printf "%s-cuda" $common.repository) "digest" "") $common -}}
{{- end -}}
{{- $image := merge (deepCopy $own) (omit $common "pullSecrets") -}}
{{- if and $own.repository (not $own.digest) -}}{{- $_ := set $image "digest" "" -}}{{- end -}}
image: {{ include "alphapo.imageReference" (dict "image" $image "defaultTag" .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ $image.pullPolicy }}
{{- end -}}

{{/* "true" if the release has an autoscaler (modes builtin and keda); else empty. */}}
{{- define "alphapo.hasAutoscaler" -}}
{{- if has .Values.autoscaling.mode (list "builtin" "keda") -}}true{{- end -}}
{{- end -}}
