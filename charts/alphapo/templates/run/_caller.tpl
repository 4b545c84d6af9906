{{/* Shell commands for a caller outside the cluster: they fetch certificates and a token, and set the variables for them. */}}
{{- define "alphapo.callerCommands" -}}
{{- $tls := .Values.tls.mode -}}
{{- $files := eq $tls "mutual" | ternary "ca.crt tls.crt tls.key" "ca.crt" -}}
{{- $secret := printf "kubectl -n %s get secret" .Release.Namespace -}}
{{- $variables := list -}}
{{- if or (ne $tls "disabled") .Values.access.enabled -}}
umask 077
{{ end -}}
{{- if ne $tls "disabled" -}}
for file in {{ $files }}; do {{ $secret }} {{ include "alphapo.tlsSecret" (dict "root" . "component" "client") }} -o "go-template={{ `{{index .data \"$file\" | base64decode}}` }}" >$file; done
{{ $variables = list (printf "ALPHAPO_TLS=%s" (eq $tls "mutual" | ternary "mutual" "on")) "ALPHAPO_TLS_CA=ca.crt" (printf "ALPHAPO_TLS_SERVER_NAME=%s" (include "alphapo.serverName" .)) -}}
{{- if eq $tls "mutual" }}{{ $variables = concat $variables (list "ALPHAPO_TLS_CERT=tls.crt" "ALPHAPO_TLS_KEY=tls.key") }}{{ end -}}
{{- end -}}
{{- if .Values.access.enabled -}}
{{ $secret }} {{ include "alphapo.accessSecret" . }} -o "go-template={{ `{{index .data \"token\" | base64decode}}` }}" >token
{{ $variables = append $variables "ALPHAPO_TOKEN_FILE=token" -}}
{{- if eq $tls "disabled" }}{{ $variables = append $variables "ALPHAPO_PLAINTEXT_TOKENS=allow" }}{{ end -}}
{{- end -}}
{{- if $variables -}}
export {{ join " " $variables }}
{{- end -}}
{{- end -}}
