{{/* The run: its name, settings and models. */}}

{{/*
Converts numbers of `policy` that are strings: Helm passes `--set policy.beta=0.5` as a string. Changes .Values; may be called again.
Values of other settings (objective, dtype) begin with a letter.
*/}}
{{- define "alphapo.readPolicyNumbers" -}}
{{- range $key, $value := .Values.policy -}}
{{- if and (kindIs "string" $value) (regexMatch "^[-+]?[0-9.]" $value) -}}
{{- $_ := set $.Values.policy $key (float64 $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The objective of `policy`; those of presets need no reference. */}}
{{- define "alphapo.objective" -}}
{{- $preset := splitList "-" (.Values.policy.preset | default "alphapo") | first -}}
{{- .Values.policy.objective | default $preset -}}
{{- end -}}

{{/* "true" if the objective needs a reference model; else empty. */}}
{{- define "alphapo.comparesWithReference" -}}
{{- $objective := include "alphapo.objective" . -}}
{{- $reference := .Values.policy.reference | default (eq $objective "hinge" | ternary "none" "base") -}}
{{- if or (eq $objective "dpo") (and (has $objective (list "ipo" "hinge")) (eq $reference "base")) -}}true{{- end -}}
{{- end -}}

{{/* The run's name: run.name, or the release's name with a digest of everything that decides the result. */}}
{{- define "alphapo.runName" -}}
{{- include "alphapo.readPolicyNumbers" . -}}
{{- if .Values.run.name -}}
{{- .Values.run.name -}}
{{- else -}}
{{- $result := dict "policy" .Values.policy "chatTemplate" .Values.chatTemplate -}}
{{- range $key := list "model" "referenceModel" -}}
{{- $model := index $.Values $key -}}
{{- $source := dict "claim" $model.existingClaim "image" (omit $model.image "pullPolicy") -}}
{{- $_ := set $source "hub" (pick $model.huggingFace "repo" "revision" "endpoint") -}}
{{- $_ := set $result $key $source -}}
{{- end -}}
{{- printf "%s-%s" (.Release.Name | trunc 40) (toJson $result | sha256sum | trunc 10) -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.topicPrefix" -}}
{{- printf "%s-" (include "alphapo.runName" .) -}}
{{- end -}}

{{/* Name of the run of the release's previous revision in the cluster; empty if there is none. */}}
{{- define "alphapo.earlierRunName" -}}
{{- $name := include "alphapo.name" (dict "root" . "component" "run") -}}
{{- $earlier := lookup "v1" "ConfigMap" .Release.Namespace $name | default dict -}}
{{- dig "data" "run-name" "" $earlier -}}
{{- end -}}

{{- define "alphapo.runFiles" -}}
{{- include "alphapo.readPolicyNumbers" . -}}
run.yaml: |
  {{- toYaml .Values.policy | nindent 2 }}
{{- if .Values.chatTemplate.jinja }}
chat-template.jinja: |
  {{- .Values.chatTemplate.jinja | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Restarts pods when the run changes. */}}
{{- define "alphapo.runChecksum" -}}
checksum/run: {{ printf "%s%s" (include "alphapo.runName" .) (include "alphapo.runFiles" .) | sha256sum | trunc 16 }}
{{- end -}}

{{/* --- models: each helper takes (dict "root" $ "key" "model") or "referenceModel" --- */}}

{{/* The source of a model: existingClaim, image, huggingFace, or empty. */}}
{{- define "alphapo.modelSource" -}}
{{- $model := index .root.Values .key -}}
{{- if $model.existingClaim.name -}}existingClaim
{{- else if $model.image.reference -}}image
{{- else if $model.huggingFace.repo -}}huggingFace
{{- end -}}
{{- end -}}

{{- define "alphapo.modelVolumeName" -}}
{{- eq .key "model" | ternary "model" "reference-model" -}}
{{- end -}}

{{/* Path of a model's folder in the pod. */}}
{{- define "alphapo.modelFolder" -}}
{{- $model := index .root.Values .key -}}
{{- $path := "" -}}
{{- with include "alphapo.modelSource" . -}}
{{- if eq . "huggingFace" -}}
{{- $path = printf "%s/%s" $model.huggingFace.repo $model.huggingFace.revision -}}
{{- else -}}
{{- $path = index $model . "path" -}}
{{- end -}}
{{- end -}}
{{- printf "/models/%s/%s" (include "alphapo.modelVolumeName" .) (trimAll "/" $path) | trimSuffix "/" -}}
{{- end -}}

{{- define "alphapo.modelVolume" -}}
{{- $model := index .root.Values .key -}}
{{- $source := include "alphapo.modelSource" . -}}
{{- $name := include "alphapo.modelVolumeName" . -}}
{{- if eq $source "existingClaim" }}
- name: {{ $name }}
  persistentVolumeClaim:
    claimName: {{ $model.existingClaim.name }}
{{- else if eq $source "image" }}
- name: {{ $name }}
  image:
    reference: {{ $model.image.reference | quote }}
    pullPolicy: {{ $model.image.pullPolicy }}
{{- else if eq $source "huggingFace" }}
- name: {{ $name }}
  {{- if $model.huggingFace.cacheClaim }}
  persistentVolumeClaim:
    claimName: {{ $model.huggingFace.cacheClaim }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- with $model.huggingFace.caSecret }}
- name: {{ $name }}-ca
  secret:
    secretName: {{ . }}
    defaultMode: 288
    items:
      - { key: ca.crt, path: ca.crt }
{{- end }}
{{- with $model.huggingFace.tokenSecret }}{{- if .name }}
- name: {{ $name }}-token
  secret:
    secretName: {{ .name }}
    defaultMode: 288
    items:
      - { key: {{ .key | quote }}, path: token }
{{- end }}{{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.modelMount" -}}
{{- if include "alphapo.modelSource" . }}
- name: {{ include "alphapo.modelVolumeName" . }}
  mountPath: /models/{{ include "alphapo.modelVolumeName" . }}
  readOnly: true
{{- end }}
{{- end -}}

{{/*
"true" where the job that checks the specification mounts the model. During an upgrade a claim that only one node can mount may be held by a
pod elsewhere, and the job would wait for it in vain; not so where an earlier install failed before there were any pods.
*/}}
{{- define "alphapo.mountedForValidation" -}}
{{- $source := include "alphapo.modelSource" . -}}
{{- if .root.Values.hooks.validateModel -}}
{{- if eq $source "image" -}}true
{{- else if eq $source "existingClaim" -}}
{{- $name := (index .root.Values .key).existingClaim.name -}}
{{- $claim := lookup "v1" "PersistentVolumeClaim" .root.Release.Namespace $name | default dict -}}
{{- $modes := dig "spec" "accessModes" list $claim -}}
{{- $optimizer := lookup "apps/v1" "StatefulSet" .root.Release.Namespace (include "alphapo.name" (dict "root" .root "component" "optimizer")) -}}
{{- $unused := or .root.Release.IsInstall (and $claim (not $optimizer)) -}}
{{- if or $unused (has "ReadWriteMany" $modes) (has "ReadOnlyMany" $modes) -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The init container that downloads a model. */}}
{{- define "alphapo.modelDownload" -}}
{{- if eq (include "alphapo.modelSource" .) "huggingFace" -}}
{{- $hub := (index .root.Values .key).huggingFace -}}
{{- $name := include "alphapo.modelVolumeName" . -}}
- name: fetch-{{ $name }}
  {{- include "alphapo.image" (dict "root" .root "component" "job") | nindent 2 }}
  args:
    - fetch-model
    - --repo={{ $hub.repo }}
    - --revision={{ $hub.revision }}
    - --out={{ include "alphapo.modelFolder" . }}
    {{- with $hub.endpoint }}
    - --endpoint={{ . }}
    {{- end }}
    {{- if $hub.tokenSecret.name }}
    - --token-file=/etc/alphapo/{{ $name }}-token/token
    {{- end }}
    {{- range $file, $digest := $hub.sha256 }}
    - --sha256={{ $file }}={{ $digest }}
    {{- end }}
  {{- if $hub.caSecret }}
  env:
    - { name: NODE_EXTRA_CA_CERTS, value: /etc/alphapo/{{ $name }}-ca/ca.crt }
  {{- end }}
  terminationMessagePolicy: FallbackToLogsOnError
  securityContext:
    {{- include "alphapo.containerSecurity" .root | nindent 4 }}
  resources:
    {{- toYaml .root.Values.hooks.resources | nindent 4 }}
  volumeMounts:
    - { name: tmp, mountPath: /tmp }
    - { name: {{ $name }}, mountPath: /models/{{ $name }} }
    {{- if $hub.caSecret }}
    - { name: {{ $name }}-ca, mountPath: /etc/alphapo/{{ $name }}-ca, readOnly: true }
    {{- end }}
    {{- if $hub.tokenSecret.name }}
    - { name: {{ $name }}-token, mountPath: /etc/alphapo/{{ $name }}-token, readOnly: true }
    {{- end }}
{{- end -}}
{{- end -}}
