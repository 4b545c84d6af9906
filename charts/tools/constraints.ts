import type { Schema } from './number-text.ts';

/** What values must be beyond the type of their defaults, as JSON Schema. */

const strings: Schema = { type: 'object', additionalProperties: { type: 'string' } };
const objects: Schema = { type: 'array', items: { type: 'object' } };
const anything: Schema = { type: 'object' };
/** A commit of Git; names of branches and tags can move. */
const commit: Schema = { type: 'string', pattern: '^([0-9a-f]{40})?$' };
const share: Schema = { type: 'integer', minimum: 1, maximum: 100 };
const positive: Schema = { type: 'integer', minimum: 1 };
/** The empty text stands for a default that is not the chart's. */
const positiveOrDefault: Schema = { type: ['string', 'integer'], minimum: 1, pattern: '^$' };
const countOrShare: Schema = { type: ['integer', 'string'], minimum: 0, pattern: '^[0-9]+%$' };
const pullPolicy: Schema = { type: 'string', enum: ['Always', 'IfNotPresent', 'Never'] };
const digest: Schema = { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' };
const name: Schema = { type: 'string', pattern: '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$', maxLength: 253 };
/** An amount as Kubernetes reads it, with one of some units: 500m, 1.5, 2e3, 4G, 4Gi; not 4GB. */
const quantityIn = (units: string): Schema => ({
  type: ['string', 'number'],
  minimum: 0,
  pattern: `^[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+|${units})?$`,
});
const bytes = quantityIn('[KMGTPE]i|[kMGTPE]');
const cpus = quantityIn('[num]');
const quantity = quantityIn('[KMGTPE]i|[numkMGTPE]');
const amounts: Schema = {
  type: 'object',
  patternProperties: { '^cpu$': cpus, '^(memory|ephemeral-storage|hugepages-.+)$': bytes },
  additionalProperties: quantity,
};
const resources: Schema = {
  type: 'object',
  additionalProperties: false,
  properties: { requests: amounts, limits: amounts, claims: objects },
};
/** As cert-manager reads durations. */
const duration: Schema = { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(h|m|s))+$' };
const imageOverride: Schema = {
  type: 'object',
  additionalProperties: false,
  properties: { repository: { type: 'string', minLength: 1 }, tag: { type: 'string' }, digest, pullPolicy },
};

/** By path, or by the end of a path; the first that fits decides. */
const CONSTRAINTS: readonly (readonly [pattern: string, schema: Schema])[] = [
  ['image.digest', digest],
  ['image.pullPolicy', pullPolicy],
  ['image.pullSecrets', { type: 'array', items: name }],
  ['run.name', { type: 'string', pattern: '^([A-Za-z0-9][A-Za-z0-9._-]*)?$', maxLength: 200 }],
  ['chatTemplate.name', { type: 'string', pattern: '^[A-Za-z0-9_.-]*$' }],
  ['huggingFace.repo', { type: 'string', pattern: '^([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?$' }],
  ['huggingFace.revision', commit],
  ['huggingFace.endpoint', { type: 'string', pattern: '^(https?://.+)?$' }],
  ['huggingFace.sha256', { type: 'object', additionalProperties: { type: 'string', pattern: '^[0-9a-f]{64}$' } }],
  ['existingClaim.name', name],
  ['tokenSecret.name', name],
  ['huggingFace.cacheClaim', name],
  ['kafka.brokers', { type: 'array', items: { type: 'string', pattern: '^[^:,\\s]+:[0-9]{1,5}$' } }],
  ['kafka.tls.caSecret', name],
  ['kafka.tls.clientSecret', name],
  ['existingSecret', name],
  ['persistence.existingClaim', name],
  ['sasl.mechanism', { type: 'string', enum: ['', 'plain', 'scram-sha-256', 'scram-sha-512'] }],
  ['persistence.size', bytes],
  ['topics.partitions', positive],
  ['topics.replicationFactor', positiveOrDefault],
  ['topics.minInSyncReplicas', positiveOrDefault],
  ['tls.mode', { type: 'string', enum: ['disabled', 'server', 'mutual'] }],
  ['tls.source', { type: 'string', enum: ['generated', 'cert-manager', 'existing'] }],
  ['certManager.duration', duration],
  ['certManager.renewBefore', duration],
  ['issuerRef.kind', { type: 'string', minLength: 1 }],
  ['autoscaling.mode', { type: 'string', enum: ['builtin', 'keda', 'hpa', 'none'] }],
  ['maxReplicas', positive],
  ['pollSeconds', positive],
  ['targetCPUPercent', share],
  ['keda.namespace', { type: 'string', minLength: 1 }],
  ['tokenizer.image', imageOverride],
  ['scorer.image', imageOverride],
  ['optimizer.image', imageOverride],
  ['autoscaler.image', imageOverride],
  ['scorer.device', { type: 'string', pattern: '^(cpu|cuda|webgpu)$' }],
  ['scorer.gpu.resource', { type: 'string', pattern: '^[a-z0-9.-]+/[A-Za-z0-9._-]+$' }],
  ['scorer.gpu.count', { type: 'integer', minimum: 0, maximum: 1 }],
  ['optimizer.replicas', { type: 'integer', minimum: 0, maximum: 1 }],
  [
    'persistence.accessModes',
    {
      type: 'array',
      minItems: 1,
      items: { type: 'string', enum: ['ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany'] },
    },
  ],
  ['autoscaler.replicas', positive],
  ['hooks.timeoutSeconds', positive],
  ['serviceMonitor.intervalSeconds', positive],
  ['maxUnavailable', countOrShare],
  ['resources', resources],
  ['affinity', anything],
  ['podSecurityContext', anything],
  ['nodeSelector', strings],
  ['podAnnotations', strings],
  ['podLabels', strings],
  ['serviceAccountAnnotations', strings],
  ['labels', strings],
  ['tolerations', objects],
  ['extraEnv', objects],
  ['extraVolumes', objects],
  ['extraVolumeMounts', objects],
  ['networkPolicy.clients', objects],
  ['networkPolicy.monitoring', objects],
  ['networkPolicy.kafka', objects],
  ['networkPolicy.kubernetesApi', objects],
  ['networkPolicy.dns', objects],
];

/** What the value at a path must be; undefined where the type of its default says it all. */
export function constraintOf(path: string): Schema | undefined {
  return CONSTRAINTS.find(([pattern]) => path === pattern || path.endsWith(`.${pattern}`))?.[1];
}
