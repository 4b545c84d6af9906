{{/* The pod that the notes send pairs with, as JSON for `kubectl run --overrides`; the Pod Security Standard "restricted" admits it. */}}
{{- define "alphapo.producePod" -}}
{{- $topic := printf "%s-preferences" (include "alphapo.runName" .) -}}
{{- $produce := printf "produce --brokers %s --topic %s --data /tmp/pairs.jsonl --end" (include "alphapo.brokers" .) $topic -}}
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
      securityContext:
        {{- include "alphapo.containerSecurity" .root | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
  volumes:
    - name: tmp
      emptyDir: {}
{{- end -}}
