{{/* Kafka access of a pod. Secrets are readable by the pod’s group: mode 288 is 0440. */}}

{{- define "alphapo.brokers" -}}
{{- if .Values.kafka.trial.enabled -}}
{{- printf "%s:9092" (include "alphapo.host" (dict "root" . "component" "kafka")) -}}
{{- else -}}
{{- join "," .Values.kafka.brokers -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.kafkaEnv" -}}
- { name: KAFKA_BROKERS, value: {{ include "alphapo.brokers" . | quote }} }
{{- with .Values.kafka.tls }}
{{- if .enabled }}
- { name: KAFKA_TLS, value: "on" }
{{- if .caSecret }}
- { name: KAFKA_TLS_CA, value: /etc/alphapo/kafka-ca/ca.crt }
{{- end }}
{{- if .clientSecret }}
- { name: KAFKA_TLS_CERT, value: /etc/alphapo/kafka-client/tls.crt }
- { name: KAFKA_TLS_KEY, value: /etc/alphapo/kafka-client/tls.key }
{{- end }}
{{- with .serverName }}
- { name: KAFKA_TLS_SERVER_NAME, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
- { name: KAFKA_SASL_MECHANISM, value: {{ .mechanism | quote }} }
- { name: KAFKA_USERNAME, value: {{ .username | quote }} }
- { name: KAFKA_PASSWORD_FILE, value: /etc/alphapo/kafka-password/password }
{{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.kafkaVolumes" -}}
{{- with .Values.kafka.tls }}
{{- if .caSecret }}
- name: kafka-ca
  secret:
    secretName: {{ .caSecret }}
    defaultMode: 288
    items:
      - { key: ca.crt, path: ca.crt }
{{- end }}
{{- if .clientSecret }}
- name: kafka-client
  secret: { secretName: {{ .clientSecret }}, defaultMode: 288 }
{{- end }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
- name: kafka-password
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 288
    items:
      - { key: {{ .passwordKey | quote }}, path: password }
{{- end }}
{{- end }}
{{- end -}}

{{- define "alphapo.kafkaMounts" -}}
{{- if .Values.kafka.tls.caSecret }}
- { name: kafka-ca, mountPath: /etc/alphapo/kafka-ca, readOnly: true }
{{- end }}
{{- if .Values.kafka.tls.clientSecret }}
- { name: kafka-client, mountPath: /etc/alphapo/kafka-client, readOnly: true }
{{- end }}
{{- if .Values.kafka.sasl.mechanism }}
- { name: kafka-password, mountPath: /etc/alphapo/kafka-password, readOnly: true }
{{- end }}
{{- end -}}

{{/* The brokers' ports, each once. */}}
{{- define "alphapo.brokerPorts" -}}
{{- $ports := list -}}
{{- range splitList "," (include "alphapo.brokers" .) -}}
{{- $ports = append $ports (splitList ":" . | last) -}}
{{- end -}}
{{- range uniq $ports }}
- { protocol: TCP, port: {{ . }} }
{{- end }}
{{- end -}}
