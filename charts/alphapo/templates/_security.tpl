{{/* TLS and tokens of the services, and the pods' restricted security contexts. */}}

{{- define "alphapo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The Secret with a component's certificate. */}}
{{- define "alphapo.tlsSecret" -}}
{{- if eq .root.Values.tls.source "existing" -}}
{{- .root.Values.tls.existingSecret -}}
{{- else -}}
{{- include "alphapo.name" . -}}-tls
{{- end -}}
{{- end -}}

{{/* Owners of a certificate: the services, and `client` for callers outside the release. */}}
{{- define "alphapo.tlsHolders" -}}
tokenizer scorer optimizer{{ if .Values.sampler.enabled }} sampler{{ end }}{{ if include "alphapo.hasAutoscaler" . }} autoscaler{{ end }} client
{{- end -}}

{{- define "alphapo.serverName" -}}
{{- .Values.tls.serverName | default (printf "%s.%s.svc" (include "alphapo.fullname" .) .Release.Namespace) -}}
{{- end -}}

{{/* The names of a component's certificate, as a JSON list: the common one, its Services', and localhost. */}}
{{- define "alphapo.tlsNames" -}}
{{- $names := list (include "alphapo.serverName" .root) (include "alphapo.name" .) (include "alphapo.host" .) "localhost" -}}
{{- $served := dict "scorer" (list "scorer") "sampler" (list "sampler") "autoscaler" (list "scorer" "sampler") -}}
{{- range $called := get $served .component | default list -}}
{{- range $service := list $called (printf "%s-pods" $called) -}}
{{- $names = append $names (include "alphapo.host" (dict "root" $.root "component" $service)) -}}
{{- end -}}
{{- end -}}
{{- uniq $names | toJson -}}
{{- end -}}

{{- define "alphapo.accessSecret" -}}
{{- .Values.access.existingSecret | default (include "alphapo.name" (dict "root" . "component" "access")) -}}
{{- end -}}

{{- define "alphapo.securityEnv" -}}
{{- if ne .root.Values.tls.mode "disabled" }}
- { name: ALPHAPO_TLS, value: {{ eq .root.Values.tls.mode "mutual" | ternary "mutual" "on" | quote }} }
- { name: ALPHAPO_TLS_CERT, value: /etc/alphapo/tls/tls.crt }
- { name: ALPHAPO_TLS_KEY, value: /etc/alphapo/tls/tls.key }
- { name: ALPHAPO_TLS_CA, value: /etc/alphapo/tls/ca.crt }
- { name: ALPHAPO_TLS_SERVER_NAME, value: {{ include "alphapo.serverName" .root | quote }} }
{{- end }}
{{- if .root.Values.access.enabled }}
- { name: ALPHAPO_TOKEN_FILE, value: /etc/alphapo/access/token }
{{- if ne .component "client" }}
- { name: ALPHAPO_ACCESS_FILE, value: /etc/alphapo/access/access }
{{- end }}
{{- if .root.Values.access.allowPlaintext }}
- { name: ALPHAPO_PLAINTEXT_TOKENS, value: allow }
{{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.securityVolumes" -}}
{{- if ne .root.Values.tls.mode "disabled" }}
- name: tls
  secret: { secretName: {{ include "alphapo.tlsSecret" . }}, defaultMode: 288 }
{{- end }}
{{- if .root.Values.access.enabled }}
- name: access
  secret:
    secretName: {{ include "alphapo.accessSecret" .root }}
    defaultMode: 288
    items:
      - { key: token, path: token }
      {{- if ne .component "client" }}
      - { key: access, path: access }
      {{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.securityMounts" -}}
{{- if ne .root.Values.tls.mode "disabled" }}
- { name: tls, mountPath: /etc/alphapo/tls, readOnly: true }
{{- end }}
{{- if .root.Values.access.enabled }}
- { name: access, mountPath: /etc/alphapo/access, readOnly: true }
{{- end }}
{{- end -}}
