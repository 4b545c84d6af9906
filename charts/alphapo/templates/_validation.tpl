{{/*
What values.schema.json cannot say: combinations that make no sense, and things that must be in the cluster. Each message
begins with the value.
*/}}
{{- define "alphapo.validate" -}}
{{- include "alphapo.validateNoPlaceholders" (dict "path" "" "value" (omit .Values "global" "chatTemplate")) -}}
{{- include "alphapo.validatePolicy" . -}}
{{- include "alphapo.validateModels" . -}}
{{- include "alphapo.validateKafka" . -}}
{{- include "alphapo.validateTopics" . -}}
{{- include "alphapo.validateSecurity" . -}}
{{- include "alphapo.validateScaling" . -}}
{{- include "alphapo.validateMetrics" . -}}
{{- include "alphapo.validateCluster" . -}}
{{- end -}}

{{/* Refuses text such as <commit>, which examples have in place of a value. Takes (dict "path" "a.b" "value" …); chat templates have such marks of their own. */}}
{{- define "alphapo.validateNoPlaceholders" -}}
{{- $path := .path -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value -}}
{{- include "alphapo.validateNoPlaceholders" (dict "path" (printf "%s.%s" $path $key | trimPrefix ".") "value" $value) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $index, $value := .value -}}
{{- include "alphapo.validateNoPlaceholders" (dict "path" (printf "%s[%d]" $path $index) "value" $value) -}}
{{- end -}}
{{- else if kindIs "string" .value -}}
{{- with regexFind "<[A-Za-z][A-Za-z0-9 ._/:-]*>" .value -}}
{{- fail (printf "%s: %s is a placeholder; replace it with a value of yours" $path .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validatePolicy" -}}
{{- include "alphapo.readPolicyNumbers" . -}}
{{- $policy := .Values.policy -}}
{{- if not $policy.steps -}}
{{- fail "policy.steps: is missing: say how many optimizer steps the run has, because a stream has no length" -}}
{{- end -}}
{{- if $policy.epochs -}}
{{- fail "policy.epochs: a stream has no length that epochs could be counted by; leave it out, policy.steps says when the run ends" -}}
{{- end -}}
{{- range $key, $_ := $policy -}}
{{- if and (ne (kebabcase $key) $key) (hasKey $policy (kebabcase $key)) -}}
{{- fail (printf "policy.%s: stands there as %s too; leave one of them out" $key (kebabcase $key)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.chatTemplate.name .Values.chatTemplate.jinja -}}
{{- fail "chatTemplate.name: chatTemplate.jinja is set too; leave one of them out" -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateModels" -}}
{{- range $key := list "model" "referenceModel" -}}
{{- $model := index $.Values $key -}}
{{- $given := list -}}
{{- if $model.existingClaim.name -}}{{- $given = append $given "existingClaim.name" -}}{{- end -}}
{{- if $model.image.reference -}}{{- $given = append $given "image.reference" -}}{{- end -}}
{{- if $model.huggingFace.repo -}}{{- $given = append $given "huggingFace.repo" -}}{{- end -}}
{{- if gt (len $given) 1 -}}
{{- fail (printf "%s.%s: %s.%s is set too; a model comes from one place" $key (index $given 1) $key (index $given 0)) -}}
{{- end -}}
{{- if and (eq $key "model") (not $given) -}}
{{- fail "model: say where it is: model.existingClaim.name, model.image.reference or model.huggingFace.repo" -}}
{{- end -}}
{{- if and (eq $key "referenceModel") $given (not (include "alphapo.comparesWithReference" $)) -}}
{{- fail (printf "referenceModel.%s: the objective %s compares with no reference; leave referenceModel out, or set policy.objective to dpo or ipo (hinge with policy.reference base)" (index $given 0) (include "alphapo.objective" $)) -}}
{{- end -}}
{{- if and $model.huggingFace.repo (not $model.huggingFace.revision) -}}
{{- fail (printf "%s.huggingFace.revision: is missing: name a commit of %s, so that all pods compute with the same weights" $key $model.huggingFace.repo) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateKafka" -}}
{{- with .Values.kafka -}}
{{- if and .trial.enabled .brokers -}}
{{- fail "kafka.brokers: kafka.trial.enabled is set too; use brokers of your own, or the trial broker" -}}
{{- end -}}
{{- if not (or .trial.enabled .brokers) -}}
{{- fail "kafka.brokers: is empty: name brokers as host:port, or set kafka.trial.enabled" -}}
{{- end -}}
{{- if and .trial.enabled (or .tls.enabled .sasl.mechanism) -}}
{{- fail (printf "kafka.%s: the trial broker has neither TLS nor logins; leave it out" (ternary "tls.enabled" "sasl.mechanism" .tls.enabled)) -}}
{{- end -}}
{{- if and (not .tls.enabled) (or .tls.caSecret .tls.clientSecret .tls.serverName) -}}
{{- fail "kafka.tls.enabled: is false, but other settings of kafka.tls are there; set it to true, or leave them out" -}}
{{- end -}}
{{- if .sasl.mechanism -}}
{{- if not .sasl.username -}}{{- fail (printf "kafka.sasl.username: is missing: %s needs a user" .sasl.mechanism) -}}{{- end -}}
{{- if not .sasl.existingSecret -}}{{- fail "kafka.sasl.existingSecret: is missing: name the Secret with the password" -}}{{- end -}}
{{- if and (eq .sasl.mechanism "plain") (not .tls.enabled) -}}
{{- fail "kafka.sasl.mechanism: plain sends the password itself; set kafka.tls.enabled, or use scram-sha-512" -}}
{{- end -}}
{{- else if or .sasl.username .sasl.existingSecret -}}
{{- fail "kafka.sasl.mechanism: is empty, but other settings of kafka.sasl are there; say plain, scram-sha-256 or scram-sha-512" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateTopics" -}}
{{- $trial := .Values.kafka.trial.enabled -}}
{{- with .Values.topics -}}
{{- range $key := list "replicationFactor" "minInSyncReplicas" -}}
{{- $value := get $.Values.topics $key -}}
{{- if and $value (not $.Values.topics.create) -}}
{{- fail (printf "topics.%s: topics.create is false: give it to the topics that you make yourself, and leave it out here" $key) -}}
{{- end -}}
{{- if and $trial $value (gt (int64 $value) 1) -}}
{{- fail (printf "topics.%s: is %d, but the trial broker is alone; leave it out" $key (int64 $value)) -}}
{{- end -}}
{{- end -}}
{{- if and .replicationFactor .minInSyncReplicas (gt (int64 .minInSyncReplicas) (int64 .replicationFactor)) -}}
{{- fail (printf "topics.minInSyncReplicas: %d is more than the %d of replicationFactor: nothing could be written" (int64 .minInSyncReplicas) (int64 .replicationFactor)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateSecurity" -}}
{{- with .Values.tls -}}
{{- if ne .mode "disabled" -}}
{{- if and (eq .source "existing") (not .existingSecret) -}}
{{- fail "tls.existingSecret: is missing: tls.source existing needs a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- if and (eq .source "cert-manager") (not .certManager.issuerRef.name) -}}
{{- fail "tls.certManager.issuerRef.name: is missing: tls.source cert-manager needs an issuer" -}}
{{- end -}}
{{- end -}}
{{- if and .existingSecret (ne .source "existing") -}}
{{- fail (printf "tls.existingSecret: is set, but tls.source is %s; set that to existing" .source) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.access.enabled (eq .Values.tls.mode "disabled") (not .Values.access.allowPlaintext) -}}
{{- fail "access.enabled: tokens travel over TLS only; set tls.mode to server or mutual, or access.allowPlaintext where a mesh encrypts the way" -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateScaling" -}}
{{- $scaling := .Values.autoscaling -}}
{{- range $component := list "scorer" "tokenizer" -}}
{{- with index $scaling $component -}}
{{- if gt (int64 .minReplicas) (int64 .maxReplicas) -}}
{{- fail (printf "autoscaling.%s.minReplicas: %d is more than the %d of maxReplicas" $component (int64 .minReplicas) (int64 .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.scorer -}}
{{- if and (eq .device "cuda") (lt (int64 .gpu.count) 1) -}}
{{- fail "scorer.gpu.count: is 0, but scorer.device is cuda: ask for a GPU" -}}
{{- end -}}
{{- if and (eq .device "cpu") (gt (int64 .gpu.count) 0) -}}
{{- fail "scorer.device: is cpu, but scorer.gpu.count asks for a GPU that would not be used; set it to cuda" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateMetrics" -}}
{{- with .Values.metrics -}}
{{- if not .enabled -}}
{{- range $key := list "serviceMonitor" "prometheusRule" -}}
{{- if (get $.Values.metrics $key).enabled -}}
{{- fail (printf "metrics.enabled: is false, but metrics.%s.enabled needs metrics" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Only where there is a cluster to look at: `helm template` has none. */}}
{{- define "alphapo.validateCluster" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" -}}
{{- if eq .Values.autoscaling.mode "keda" -}}
{{- include "alphapo.requireApi" (list . "keda.sh/v1alpha1" "autoscaling.mode: keda needs KEDA in the cluster") -}}
{{- end -}}
{{- if and (ne .Values.tls.mode "disabled") (eq .Values.tls.source "cert-manager") -}}
{{- include "alphapo.requireApi" (list . "cert-manager.io/v1" "tls.source: cert-manager is not in the cluster") -}}
{{- end -}}
{{- if or .Values.metrics.serviceMonitor.enabled .Values.metrics.prometheusRule.enabled -}}
{{- include "alphapo.requireApi" (list . "monitoring.coreos.com/v1" "metrics.serviceMonitor and metrics.prometheusRule need the Prometheus Operator") -}}
{{- end -}}
{{- with .Values.kafka -}}
{{- include "alphapo.requireSecret" (list $ "kafka.sasl.existingSecret" .sasl.existingSecret (list .sasl.passwordKey)) -}}
{{- include "alphapo.requireSecret" (list $ "kafka.tls.caSecret" .tls.caSecret (list "ca.crt")) -}}
{{- include "alphapo.requireSecret" (list $ "kafka.tls.clientSecret" .tls.clientSecret (list "tls.crt" "tls.key")) -}}
{{- end -}}
{{- include "alphapo.requireSecret" (list . "tls.existingSecret" .Values.tls.existingSecret (list "tls.crt" "tls.key" "ca.crt")) -}}
{{- include "alphapo.requireSecret" (list . "access.existingSecret" .Values.access.existingSecret (list "access" "token")) -}}
{{- range $key := list "model" "referenceModel" -}}
{{- with index $.Values $key -}}
{{- include "alphapo.requireSecret" (list $ (printf "%s.huggingFace.tokenSecret.name" $key) .huggingFace.tokenSecret.name (list .huggingFace.tokenSecret.key)) -}}
{{- include "alphapo.requireSecret" (list $ (printf "%s.huggingFace.caSecret" $key) .huggingFace.caSecret (list "ca.crt")) -}}
{{- include "alphapo.requireClaim" (list $ (printf "%s.existingClaim.name" $key) .existingClaim.name) -}}
{{- include "alphapo.requireClaim" (list $ (printf "%s.huggingFace.cacheClaim" $key) .huggingFace.cacheClaim) -}}
{{- end -}}
{{- end -}}
{{- include "alphapo.requireClaim" (list . "optimizer.persistence.existingClaim" .Values.optimizer.persistence.existingClaim) -}}
{{- end -}}
{{- end -}}

{{/* Takes (list $ "group/version" "message"). */}}
{{- define "alphapo.requireApi" -}}
{{- $root := index . 0 -}}
{{- if not ($root.Capabilities.APIVersions.Has (index . 1)) -}}
{{- fail (printf "%s (its API %s is missing)" (index . 2) (index . 1)) -}}
{{- end -}}
{{- end -}}

{{/* Takes (list $ "the value" "the Secret's name" (list of keys)). */}}
{{- define "alphapo.requireSecret" -}}
{{- $namespace := (index . 0).Release.Namespace -}}
{{- $value := index . 1 -}}
{{- $name := index . 2 -}}
{{- if $name -}}
{{- $secret := lookup "v1" "Secret" $namespace $name -}}
{{- if not $secret -}}
{{- fail (printf "%s: there is no Secret %q in namespace %s" $value $name $namespace) -}}
{{- end -}}
{{- range $key := index . 3 -}}
{{- if not (hasKey ($secret.data | default dict) $key) -}}
{{- fail (printf "%s: the Secret %q in namespace %s has no key %q" $value $name $namespace $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes (list $ "the value" "the claim's name"). */}}
{{- define "alphapo.requireClaim" -}}
{{- $namespace := (index . 0).Release.Namespace -}}
{{- $name := index . 2 -}}
{{- if and $name (not (lookup "v1" "PersistentVolumeClaim" $namespace $name)) -}}
{{- fail (printf "%s: there is no PersistentVolumeClaim %q in namespace %s" (index . 1) $name $namespace) -}}
{{- end -}}
{{- end -}}
