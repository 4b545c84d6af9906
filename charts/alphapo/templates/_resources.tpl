{{/* Small resources of each component. Each takes (dict "root" $ "component" "scorer"). */}}

{{- define "alphapo.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "alphapo.name" . }}
  labels:
    {{- include "alphapo.labels" . | nindent 4 }}
  {{- with (index .root.Values .component).serviceAccountAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{- define "alphapo.disruptionBudget" -}}
{{- $budget := (index .root.Values .component).podDisruptionBudget -}}
{{- if $budget.enabled -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "alphapo.name" . }}
  labels:
    {{- include "alphapo.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ $budget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "alphapo.selector" . | nindent 6 }}
{{- end }}
{{- end -}}

{{/* A component's HorizontalPodAutoscaler, by CPU. */}}
{{- define "alphapo.horizontalAutoscaler" -}}
{{- if eq .root.Values.autoscaling.mode "hpa" -}}
{{- $scaling := index .root.Values.autoscaling .component -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "alphapo.name" . }}
  labels:
    {{- include "alphapo.labels" . | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ include "alphapo.name" . }} }
  minReplicas: {{ max 1 $scaling.minReplicas | int64 }}
  maxReplicas: {{ $scaling.maxReplicas | int64 }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: {{ min 3600 .root.Values.autoscaling.cooldownSeconds | int64 }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: {{ $scaling.targetCPUPercent | int64 }} }
{{- end }}
{{- end -}}

{{/* --- peers of NetworkPolicies --- */}}

{{/* Pods of components of this release. Takes (dict "root" $ "components" (list …)). */}}
{{- define "alphapo.peers" -}}
{{- range .components }}
- podSelector:
    matchLabels:
      {{- include "alphapo.selector" (dict "root" $.root "component" .) | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "alphapo.clientPeers" -}}
- podSelector:
    matchLabels:
      {{- include "alphapo.clientLabel" . | nindent 6 }}
{{- with .Values.networkPolicy.clients }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Peers that read metrics. */}}
{{- define "alphapo.metricsIngress" -}}
{{- if .Values.metrics.enabled }}
- ports: [{ protocol: TCP, port: 9464 }]
  {{- with .Values.networkPolicy.monitoring }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.dnsEgress" -}}
- ports: [{ protocol: UDP, port: 53 }, { protocol: TCP, port: 53 }]
  {{- with .Values.networkPolicy.dns }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "alphapo.kafkaEgress" -}}
- ports:
    {{- include "alphapo.brokerPorts" . | trim | nindent 4 }}
  {{- if .Values.kafka.trial.enabled }}
  to:
    {{- include "alphapo.peers" (dict "root" . "components" (list "kafka")) | trim | nindent 4 }}
  {{- else if .Values.networkPolicy.kafka }}
  to:
    {{- toYaml .Values.networkPolicy.kafka | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Egress to the hub, for pods that download their model. */}}
{{- define "alphapo.hubEgress" -}}
{{- $sources := list (include "alphapo.modelSource" (dict "root" . "key" "model")) (include "alphapo.modelSource" (dict "root" . "key" "referenceModel")) -}}
{{- if has "huggingFace" $sources }}
- ports:
    - { protocol: TCP, port: 443 }
    {{- range $key := list "model" "referenceModel" }}
    {{- with urlParse (index $.Values $key).huggingFace.endpoint }}
    {{- if contains ":" .host }}
    - { protocol: TCP, port: {{ splitList ":" .host | last }} }
    {{- else if eq .scheme "http" }}
    - { protocol: TCP, port: 80 }
    {{- end }}
    {{- end }}
    {{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.networkPolicyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "alphapo.name" . }}
  labels:
    {{- include "alphapo.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "alphapo.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}

{{/* A Service. Takes also "name", "port" (calls) and optionally "http" (on port 8000), "headless", "callsOnly". */}}
{{- define "alphapo.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "alphapo.name" (dict "root" .root "component" .name) }}
  labels:
    {{- include "alphapo.labels" . | nindent 4 }}
spec:
  {{- if .headless }}
  clusterIP: None
  {{- end }}
  selector:
    {{- include "alphapo.selector" . | nindent 4 }}
  ports:
    - { name: grpc, port: {{ .port }}, targetPort: grpc, appProtocol: kubernetes.io/h2c }
    {{- if .http }}
    - { name: http, port: 8000, targetPort: http }
    {{- end }}
    {{- if and .root.Values.metrics.enabled (not .callsOnly) }}
    - { name: metrics, port: 9464, targetPort: metrics }
    {{- end }}
{{- end -}}
