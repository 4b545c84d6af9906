{{/* The pod that sends pairs in the notes, as JSON for `kubectl run --overrides`; the Pod Security Standard "restricted" admits it. */}}
{{- define "alphapo.producePod" -}}
{{- $topic := printf "%s-preferences" (include "alphapo.runName" .) -}}
{{- $produce := printf "produce --topic %s --data /tmp/pairs.jsonl" $topic -}}
{{- include "alphapo.producePodYaml" (dict "root" . "produce" $produce) | fromYaml | toRawJson -}}
{{- end -}}

{{- define "alphapo.producePodYaml" -}}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  {{- include "alphapo.pullSecrets" .root | nindent 2 }}
  securityContext:
    {{- toYaml .root.Values.podSecurityContext | nindent 4 }}
  containers:
    - name: produce
      {{- include "alphapo.image" (dict "root" .root "component" "job") | nindent 6 }}
      command: [sh, -ec, "cat >/tmp/pairs.jsonl; exec node /app/cli/bin/alphapo.js {{ .produce }}"]
      stdin: true
      stdinOnce: true
      env:
        {{- include "alphapo.kafkaEnv" .root | nindent 8 }}
      securityContext:
        {{- include "alphapo.containerSecurity" .root | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- include "alphapo.kafkaMounts" .root | trim | nindent 8 }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- include "alphapo.kafkaVolumes" .root | trim | nindent 4 }}
{{- end -}}
