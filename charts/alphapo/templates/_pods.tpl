{{/* Common parts of all components' pods. Each takes (dict "root" $ "component" "scorer"). */}}

{{- define "alphapo.podMetadata" -}}
{{- /* Without the version: another one of the chart alone is no reason to start pods anew in the middle of a step. */}}
labels:
  {{- include "alphapo.selector" . | nindent 2 }}
  {{- with (index .root.Values .component).podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  {{- include "alphapo.runChecksum" .root | nindent 2 }}
  {{- with (index .root.Values .component).settings }}
  checksum/settings: {{ toYaml . | sha256sum | trunc 16 }}
  {{- end }}
  {{- with (index .root.Values .component).podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Scheduling, service account and security context. */}}
{{- define "alphapo.podPlacement" -}}
{{- $values := index .root.Values .component -}}
serviceAccountName: {{ include "alphapo.name" . }}
automountServiceAccountToken: {{ eq .component "autoscaler" }}
enableServiceLinks: false
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
terminationGracePeriodSeconds: {{ int64 $values.terminationGracePeriodSeconds }}
{{- include "alphapo.pullSecrets" .root }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.topologySpread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "alphapo.selector" . | nindent 8 }}
{{- end }}
{{- end -}}

{{- define "alphapo.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Ports. Health has its own: without TLS, which kubelet's gRPC probes do not support, and answered under any load. */}}
{{- define "alphapo.containerPorts" -}}
ports:
  - { name: grpc, containerPort: {{ .port }} }
  {{- if .http }}
  - { name: http, containerPort: 8000 }
  {{- end }}
  - { name: health, containerPort: 50050 }
  {{- if .root.Values.metrics.enabled }}
  - { name: metrics, containerPort: 9464 }
  {{- end }}
{{- end -}}

{{- define "alphapo.listeningEnv" -}}
- { name: ALPHAPO_ADDRESS, value: "0.0.0.0:{{ .port }}" }
{{- if .http }}
- { name: ALPHAPO_HTTP_ADDRESS, value: "0.0.0.0:8000" }
{{- end }}
{{- /* Of the grace period, 5 seconds go by before the signal comes (preStop), and 5 are left for closing. The optimizer needs its own for step and checkpoint. */}}
{{- if ne .component "optimizer" }}
- { name: ALPHAPO_DRAIN_SECONDS, value: {{ sub (int64 (index .root.Values .component).terminationGracePeriodSeconds) 10 | max 1 | quote }} }
{{- end }}
- { name: ALPHAPO_HEALTH_ADDRESS, value: "0.0.0.0:50050" }
- { name: ALPHAPO_TERMINATION_MESSAGE, value: /dev/termination-log }
{{- if .root.Values.metrics.enabled }}
- { name: ALPHAPO_METRICS_ADDRESS, value: "0.0.0.0:9464" }
{{- end }}
{{- end -}}

{{/*
gRPC health probes. Startup has ten minutes, because a start may read gigabytes or wait for brokers. Liveness is patient, because a
service that is killed while it computes loses its work. preStop waits until no more calls arrive. The pod's status has the last log lines.
*/}}
{{- define "alphapo.probes" -}}
startupProbe:
  grpc: { port: 50050 }
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 300
readinessProbe:
  grpc: { port: 50050 }
  periodSeconds: 5
  timeoutSeconds: 5
livenessProbe:
  grpc: { port: 50050 }
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
lifecycle:
  preStop:
    sleep: { seconds: 5 }
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  {{- include "alphapo.containerSecurity" .root | nindent 2 }}
{{- end -}}

{{/* Arguments of a service: with a config file if the values have settings. */}}
{{- define "alphapo.serveArgs" -}}
{{- $file := (index .root.Values .component).settings | empty | ternary "" ", --config=/etc/alphapo/settings/settings.yaml" -}}
[serve, {{ .component }}{{ $file }}]
{{- end -}}

{{- define "alphapo.extraEnv" -}}
{{- with (index .root.Values .component).extraEnv }}
{{- toYaml . }}
{{- end }}
{{- end -}}

{{/* Volumes of every pod. */}}
{{- define "alphapo.commonVolumes" -}}
- name: tmp
  emptyDir: {}
{{- if (index .root.Values .component).settings }}
- name: settings
  configMap: { name: {{ include "alphapo.name" . }}-settings }
{{- end }}
{{- include "alphapo.securityVolumes" . }}
{{- with (index .root.Values .component).extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "alphapo.commonMounts" -}}
- { name: tmp, mountPath: /tmp }
{{- if (index .root.Values .component).settings }}
- { name: settings, mountPath: /etc/alphapo/settings, readOnly: true }
{{- end }}
{{- include "alphapo.securityMounts" . }}
{{- with (index .root.Values .component).extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The run's files. */}}
{{- define "alphapo.runVolume" -}}
- name: run
  configMap: { name: {{ include "alphapo.name" (dict "root" .root "component" "run") }} }
{{- end -}}

{{- define "alphapo.runMount" -}}
- { name: run, mountPath: /etc/alphapo/run, readOnly: true }
{{- end -}}

{{/* What the optimizer evaluates its policies on. */}}
{{- define "alphapo.evaluationEnv" -}}
{{- with .Values.evaluation }}
{{- if .pairs }}
- { name: ALPHAPO_EVAL_DATA, value: {{ printf "/etc/alphapo/evaluation/%s" .pairs | quote }} }
{{- end }}
{{- if .prompts }}
- { name: ALPHAPO_EVAL_PROMPTS, value: {{ printf "/etc/alphapo/evaluation/%s" .prompts | quote }} }
- { name: ALPHAPO_SAMPLER, value: "{{ include "alphapo.host" (dict "root" $ "component" "sampler") }}:50055" }
{{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.evaluationMount" -}}
{{- if .Values.evaluation.configMap }}
- { name: evaluation, mountPath: /etc/alphapo/evaluation, readOnly: true }
{{- end }}
{{- end -}}

{{- define "alphapo.evaluationVolume" -}}
{{- with .Values.evaluation.configMap }}
- name: evaluation
  configMap: { name: {{ . }} }
{{- end }}
{{- end -}}

{{- define "alphapo.chatTemplateEnv" -}}
{{- with .root.Values.chatTemplate }}
{{- if .jinja }}
- { name: ALPHAPO_CHAT_TEMPLATE, value: /etc/alphapo/run/chat-template.jinja }
{{- else if .name }}
- { name: ALPHAPO_CHAT_TEMPLATE, value: {{ .name | quote }} }
{{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.modelNameEnv" -}}
{{- $hub := .root.Values.model.huggingFace -}}
{{- with .root.Values.model.name | default (empty $hub.repo | ternary "" (printf "%s@%s" $hub.repo $hub.revision)) }}
- { name: ALPHAPO_BASE_MODEL_NAME, value: {{ . | quote }} }
{{- end }}
{{- end -}}

{{- define "alphapo.referenceModelEnv" -}}
{{- if include "alphapo.modelSource" (dict "root" .root "key" "referenceModel") }}
- { name: ALPHAPO_REFERENCE_MODEL, value: {{ include "alphapo.modelFolder" (dict "root" .root "key" "referenceModel") | quote }} }
{{- end }}
{{- end -}}

{{/*
The autoscaler records what it told KEDA in an annotation of the workload. Without KEDA, an existing annotation is emptied, so that it
is not used when KEDA is enabled again. Takes also "kind".
*/}}
{{- define "alphapo.workloadAnnotations" -}}
{{- $live := lookup "apps/v1" .kind .root.Release.Namespace (include "alphapo.name" .) | default dict -}}
{{- if and (ne .root.Values.autoscaling.mode "keda") (dig "metadata" "annotations" "alphapo.dev/desired-replicas" "" $live) }}
annotations: { alphapo.dev/desired-replicas: "" }
{{- end }}
{{- end -}}

{{/* Replicas of a workload: the current ones if an autoscaler sets them, else those of the values. Takes also "kind". */}}
{{- define "alphapo.replicas" -}}
{{- $mode := .root.Values.autoscaling.mode -}}
{{- $scaled := or (include "alphapo.hasAutoscaler" .root) (and (eq $mode "hpa") (ne .component "optimizer")) -}}
{{- if $scaled -}}
{{- $live := lookup "apps/v1" .kind .root.Release.Namespace (include "alphapo.name" .) | default dict -}}
{{- $atFirst := eq $mode "hpa" | ternary 1 0 -}}
{{- $minimum := dig "minReplicas" $atFirst (index .root.Values.autoscaling .component | default dict) -}}
{{- dig "spec" "replicas" (max $atFirst $minimum) $live | int64 -}}
{{- else -}}
{{- (index .root.Values .component).replicas | int64 -}}
{{- end -}}
{{- end -}}
