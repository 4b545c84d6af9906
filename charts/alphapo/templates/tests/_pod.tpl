{{/* A pod of `helm test` that calls a service as an application does; at zero, the call starts one. Takes (dict "root" . "name" "test-…" "args" (list …)). */}}
{{- define "alphapo.testPod" -}}
{{- $context := dict "root" .root "component" "client" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "alphapo.name" (dict "root" .root "component" .name) }}
  labels:
    {{- include "alphapo.labels" $context | nindent 4 }}
    {{- include "alphapo.clientLabel" .root | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-output-log-policy: hook-failed
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- include "alphapo.pullSecrets" .root | nindent 2 }}
  securityContext:
    {{- toYaml .root.Values.podSecurityContext | nindent 4 }}
  containers:
    - name: call
      {{- include "alphapo.image" (dict "root" .root "component" "job") | nindent 6 }}
      args: {{ toJson .args }}
      env:
        {{- include "alphapo.securityEnv" $context | trim | nindent 8 }}
      securityContext:
        {{- include "alphapo.containerSecurity" .root | nindent 8 }}
      resources:
        {{- toYaml .root.Values.hooks.resources | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- include "alphapo.securityMounts" $context | trim | nindent 8 }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- include "alphapo.securityVolumes" $context | trim | nindent 4 }}
{{- end -}}
