{{/*
Checks that values.schema.json cannot express: contradictory values, and objects that must exist in the cluster. Each message
begins with the key of the value.
*/}}
{{- define "alphapo.validate" -}}
{{- include "alphapo.validateNoPlaceholders" (dict "path" "" "value" (omit .Values "global" "chatTemplate")) -}}
{{- include "alphapo.validatePolicy" . -}}
{{- include "alphapo.validateModels" . -}}
{{- include "alphapo.validateKafka" . -}}
{{- include "alphapo.validateTopics" . -}}
{{- include "alphapo.validateSecurity" . -}}
{{- include "alphapo.validateScaling" . -}}
{{- include "alphapo.validateEvaluation" . -}}
{{- include "alphapo.validateMetrics" . -}}
{{- include "alphapo.validateCluster" . -}}
{{- end -}}

{{/* Rejects placeholders of the documents' examples, such as <commit>. Takes (dict "path" "a.b" "value" …). Not for chat templates, which contain such text. */}}
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
{{- fail (printf "%s: %s is a placeholder; replace it" $path .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validatePolicy" -}}
{{- include "alphapo.readPolicyNumbers" . -}}
{{- $policy := .Values.policy -}}
{{- if not $policy.steps -}}
{{- fail "policy.steps: is required: a stream has no length, so set the number of optimizer steps" -}}
{{- end -}}
{{- if $policy.epochs -}}
{{- fail "policy.epochs: is not supported, because a stream has no epochs; remove it, policy.steps ends the run" -}}
{{- end -}}
{{- range $key, $_ := $policy -}}
{{- if and (ne (kebabcase $key) $key) (hasKey $policy (kebabcase $key)) -}}
{{- fail (printf "policy.%s: is also given as %s; remove one" $key (kebabcase $key)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.chatTemplate.name .Values.chatTemplate.jinja -}}
{{- fail "chatTemplate.name: chatTemplate.jinja is also set; remove one" -}}
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
{{- fail (printf "%s.%s: %s.%s is also set; a model comes from one place" $key (index $given 1) $key (index $given 0)) -}}
{{- end -}}
{{- if and (eq $key "model") (not $given) -}}
{{- fail "model: is required: set model.existingClaim.name, model.image.reference or model.huggingFace.repo" -}}
{{- end -}}
{{- if and (eq $key "referenceModel") $given (not (include "alphapo.comparesWithReference" $)) -}}
{{- fail (printf "referenceModel.%s: the objective %s has no reference; remove referenceModel, or set policy.objective to dpo or ipo (hinge with policy.reference base)" (index $given 0) (include "alphapo.objective" $)) -}}
{{- end -}}
{{- if and $model.huggingFace.repo (not $model.huggingFace.revision) -}}
{{- fail (printf "%s.huggingFace.revision: is required: set a commit of %s, so that all pods have the same weights" $key $model.huggingFace.repo) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateKafka" -}}
{{- with .Values.kafka -}}
{{- if and .trial.enabled .brokers -}}
{{- fail "kafka.brokers: kafka.trial.enabled is also set; use your own brokers or the trial broker" -}}
{{- end -}}
{{- if not (or .trial.enabled .brokers) -}}
{{- fail "kafka.brokers: is empty: list brokers as host:port, or set kafka.trial.enabled" -}}
{{- end -}}
{{- if and .trial.enabled (or .tls.enabled .sasl.mechanism) -}}
{{- fail (printf "kafka.%s: the trial broker has neither TLS nor SASL; remove it" (ternary "tls.enabled" "sasl.mechanism" .tls.enabled)) -}}
{{- end -}}
{{- if and (not .tls.enabled) (or .tls.caSecret .tls.clientSecret .tls.serverName) -}}
{{- fail "kafka.tls.enabled: is false, but other kafka.tls values are set; set it to true or remove them" -}}
{{- end -}}
{{- if .sasl.mechanism -}}
{{- if not .sasl.username -}}{{- fail (printf "kafka.sasl.username: is required: %s needs a user" .sasl.mechanism) -}}{{- end -}}
{{- if not .sasl.existingSecret -}}{{- fail "kafka.sasl.existingSecret: is required: name the Secret with the password" -}}{{- end -}}
{{- if and (eq .sasl.mechanism "plain") (not .tls.enabled) -}}
{{- fail "kafka.sasl.mechanism: plain sends the password itself; set kafka.tls.enabled, or use scram-sha-512" -}}
{{- end -}}
{{- else if or .sasl.username .sasl.existingSecret -}}
{{- fail "kafka.sasl.mechanism: is empty, but other kafka.sasl values are set; set it to plain, scram-sha-256 or scram-sha-512" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateTopics" -}}
{{- $trial := .Values.kafka.trial.enabled -}}
{{- with .Values.topics -}}
{{- range $key := list "replicationFactor" "minInSyncReplicas" -}}
{{- $value := get $.Values.topics $key -}}
{{- if and $value (not $.Values.topics.create) -}}
{{- fail (printf "topics.%s: has no effect with topics.create false; set it on the topics yourself and remove it here" $key) -}}
{{- end -}}
{{- if and $trial $value (gt (int64 $value) 1) -}}
{{- fail (printf "topics.%s: is %d, but the trial broker has one replica; remove it" $key (int64 $value)) -}}
{{- end -}}
{{- end -}}
{{- if and .replicationFactor .minInSyncReplicas (gt (int64 .minInSyncReplicas) (int64 .replicationFactor)) -}}
{{- fail (printf "topics.minInSyncReplicas: %d exceeds replicationFactor %d, so nothing could be written" (int64 .minInSyncReplicas) (int64 .replicationFactor)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateSecurity" -}}
{{- with .Values.tls -}}
{{- if ne .mode "disabled" -}}
{{- if and (eq .source "existing") (not .existingSecret) -}}
{{- fail "tls.existingSecret: is required: tls.source existing needs a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- if and (eq .source "cert-manager") (not .certManager.issuerRef.name) -}}
{{- fail "tls.certManager.issuerRef.name: is required: tls.source cert-manager needs an issuer" -}}
{{- end -}}
{{- end -}}
{{- if and .existingSecret (ne .source "existing") -}}
{{- fail (printf "tls.existingSecret: is set, but tls.source is %s; set that to existing" .source) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.access.enabled (eq .Values.tls.mode "disabled") (not .Values.access.allowPlaintext) -}}
{{- fail "access.enabled: tokens need TLS; set tls.mode to server or mutual, or access.allowPlaintext if a mesh encrypts the traffic" -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateScaling" -}}
{{- $scaling := .Values.autoscaling -}}
{{- range $component := list "scorer" "tokenizer" "sampler" -}}
{{- with index $scaling $component -}}
{{- if gt (int64 .minReplicas) (int64 .maxReplicas) -}}
{{- fail (printf "autoscaling.%s.minReplicas: %d exceeds maxReplicas %d" $component (int64 .minReplicas) (int64 .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $component := list "scorer" "sampler" -}}
{{- with index $.Values $component -}}
{{- if and (eq .device "cuda") (lt (int64 .gpu.count) 1) -}}
{{- fail (printf "%[1]s.gpu.count: is 0, but %[1]s.device is cuda; set it to 1" $component) -}}
{{- end -}}
{{- if and (eq .device "cpu") (gt (int64 .gpu.count) 0) -}}
{{- fail (printf "%[1]s.device: is cpu, but %[1]s.gpu.count requests a GPU that would stay unused; set the device to cuda" $component) -}}
{{- end -}}
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

{{/* Skipped without a cluster, as in `helm template`. */}}
{{- define "alphapo.validateEvaluation" -}}
{{- with .Values.evaluation -}}
{{- if and (or .pairs .prompts) (not .configMap) -}}
{{- fail "evaluation.configMap: is required for evaluation.pairs and evaluation.prompts, which are keys of it" -}}
{{- end -}}
{{- if and .configMap (not (or .pairs .prompts)) -}}
{{- fail "evaluation.configMap: set evaluation.pairs or evaluation.prompts to a key of it" -}}
{{- end -}}
{{- $settings := $.Values.optimizer.settings -}}
{{- if and $settings.stopOnCollapse (not (or .pairs .prompts)) -}}
{{- fail "optimizer.settings.stopOnCollapse: needs something to see a collapse by; set evaluation.prompts or evaluation.pairs" -}}
{{- end -}}
{{- if and $settings.stopOnCollapse (eq (toString $settings.evalEvery) "0") -}}
{{- fail "optimizer.settings.stopOnCollapse: needs evaluations during the run; set optimizer.settings.evalEvery" -}}
{{- end -}}
{{- if and .prompts (not $.Values.sampler.enabled) -}}
{{- fail "evaluation.prompts: needs a sampler to answer them; set sampler.enabled=true" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "alphapo.validateCluster" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" -}}
{{- if eq .Values.autoscaling.mode "keda" -}}
{{- include "alphapo.requireApi" (list . "keda.sh/v1alpha1" "autoscaling.mode: keda needs KEDA, which is not installed in the cluster") -}}
{{- end -}}
{{- if and (ne .Values.tls.mode "disabled") (eq .Values.tls.source "cert-manager") -}}
{{- include "alphapo.requireApi" (list . "cert-manager.io/v1" "tls.source: cert-manager is not installed in the cluster") -}}
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
{{- with .Values.evaluation -}}
{{- include "alphapo.requireKeys" (list "ConfigMap" $ "evaluation.configMap" .configMap (compact (list .pairs .prompts))) -}}
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
{{- include "alphapo.requireKeys" (prepend . "Secret") -}}
{{- end -}}

{{/* Takes (list "Secret or ConfigMap" $ "the value" "the object's name" (list of keys)). */}}
{{- define "alphapo.requireKeys" -}}
{{- $kind := index . 0 -}}
{{- $namespace := (index . 1).Release.Namespace -}}
{{- $value := index . 2 -}}
{{- $name := index . 3 -}}
{{- if $name -}}
{{- $object := lookup "v1" $kind $namespace $name -}}
{{- if not $object -}}
{{- fail (printf "%s: there is no %s %q in namespace %s" $value $kind $name $namespace) -}}
{{- end -}}
{{- range $key := index . 4 -}}
{{- if not (or (hasKey ($object.data | default dict) $key) (hasKey ($object.binaryData | default dict) $key)) -}}
{{- fail (printf "%s: the %s %q in namespace %s has no key %q" $value $kind $name $namespace $key) -}}
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
