{{/*
A job of one `alphapo` command, as a Helm hook. Takes (dict "root" $ "name" … "hook" "pre-install,pre-upgrade" "weight" 0 "args" …)
and, as YAML lists, "env", "mounts" and "volumes".
*/}}
{{- define "alphapo.job" -}}
{{- $context := dict "root" .root "component" "job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "alphapo.name" (dict "root" .root "component" .name) }}
  labels:
    {{- include "alphapo.labels" $context | nindent 4 }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: {{ .weight | quote }}
    # Helm (3.18 and later) prints the log of a failed job; the job is kept for inspection.
    helm.sh/hook-output-log-policy: hook-failed
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  # No retries by Kubernetes: the command itself waits for what is temporary.
  backoffLimit: 0
  activeDeadlineSeconds: {{ .root.Values.hooks.timeoutSeconds | int64 }}
  template:
    metadata:
      labels:
        {{- include "alphapo.labels" $context | nindent 8 }}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- include "alphapo.pullSecrets" .root | nindent 6 }}
      securityContext:
        {{- toYaml .root.Values.podSecurityContext | nindent 8 }}
      {{- with .root.Values.hooks.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.hooks.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .name }}
          {{- include "alphapo.image" $context | nindent 10 }}
          args:
            {{- toYaml .args | nindent 12 }}
          {{- with .env }}
          env:
            {{- . | nindent 12 }}
          {{- end }}
          securityContext:
            {{- include "alphapo.containerSecurity" .root | nindent 12 }}
          resources:
            {{- toYaml .root.Values.hooks.resources | nindent 12 }}
          terminationMessagePolicy: FallbackToLogsOnError
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
            {{- with .mounts }}
            {{- . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
{{- end -}}
