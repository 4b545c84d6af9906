import { EVALUATION, evaluationSettings } from './evaluations.ts';
import { HUB_MODEL, type Hub } from './hub-pod.ts';
import { IMAGE, TAG } from './images.ts';
import { ISSUER } from './issuer.ts';
import type { Kubectl } from './kubectl.ts';
import type { ProductionSettings } from './production-settings.ts';
import { MONITORING } from './prometheus.ts';
import { policyOf, RUN_NAME } from './release.ts';
import type { Login, SecuredKafka } from './secured-kafka.ts';

/** What the release uses and does not bring. */
export interface Surroundings {
  readonly kafka: SecuredKafka;
  readonly login: Login;
  readonly hub: Hub;
  readonly hubToken: string;
  /** SHA-256 of the model's weights. */
  readonly digest: string;
}

export const AUTHORITY_SECRET = 'kafka-ca';
export const LOGIN_SECRET = 'kafka-login';
const WRONG_LOGIN_SECRET = 'kafka-login-wrong';
const HUB_AUTHORITY_SECRET = 'hub-ca';
const HUB_SECRET = 'hub-token';
const WRONG_HUB_SECRET = 'hub-token-wrong';
const CACHE_CLAIM = 'models';
export const MAX_SCORERS = 2;
export const TARGET_CPU_PERCENT = 50;

/** Secrets and the claim that the values name, right ones and wrong ones. */
export function makePrerequisites(kubectl: Kubectl, { kafka, login, hub, hubToken }: Surroundings): void {
  const secret = (name: string, stringData: object) =>
    kubectl.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData });
  secret(AUTHORITY_SECRET, { 'ca.crt': kafka.authority });
  secret(LOGIN_SECRET, { password: login.password });
  secret(WRONG_LOGIN_SECRET, { password: `not-${login.password}` });
  secret(HUB_AUTHORITY_SECRET, { 'ca.crt': hub.authority });
  secret(HUB_SECRET, { token: hubToken });
  secret(WRONG_HUB_SECRET, { token: `not-${hubToken}` });
  kubectl.apply({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: CACHE_CLAIM },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '256Mi' } } },
  });
}

/** Options of `alphapo` commands in pods that have the Secrets of Kafka. */
export function kafkaOptions({ kafka, login }: Surroundings): string[] {
  return [
    ...['--brokers', kafka.broker, '--kafka-tls', 'on', '--kafka-tls-ca', `/secrets/${AUTHORITY_SECRET}/ca.crt`],
    ...['--kafka-sasl', 'scram-sha-512', '--kafka-username', login.name],
    ...['--kafka-password-file', `/secrets/${LOGIN_SECRET}/password`],
  ];
}

/** The one thing that is wrong in the values, if any. */
export type Mistake = 'no-login-secret' | 'wrong-password' | 'wrong-hub-token' | 'wrong-digest';

/** What is other than at first: a mistake, or what scales. */
export type Change = Mistake | 'none' | 'keda';

/** The chart's values. */
export function productionValues(settings: ProductionSettings, around: Surroundings, change?: Change): object {
  const resources = { requests: { cpu: '50m', memory: '192Mi' }, limits: { memory: '1Gi' } };
  const wrongLogin = { 'no-login-secret': 'nowhere', 'wrong-password': WRONG_LOGIN_SECRET };
  const existingSecret = change && change in wrongLogin ? wrongLogin[change as keyof typeof wrongLogin] : LOGIN_SECRET;
  const issued = { source: 'cert-manager', certManager: { issuerRef: { name: ISSUER } } };
  return {
    image: { repository: IMAGE, tag: TAG, pullPolicy: 'Never' },
    policy: policyOf(settings),
    run: { name: RUN_NAME },
    model: {
      huggingFace: {
        ...{ ...HUB_MODEL, endpoint: around.hub.endpoint, caSecret: HUB_AUTHORITY_SECRET, cacheClaim: CACHE_CLAIM },
        tokenSecret: { name: change === 'wrong-hub-token' ? WRONG_HUB_SECRET : HUB_SECRET },
        sha256: { 'model.safetensors': change === 'wrong-digest' ? 'ab'.repeat(32) : around.digest },
      },
    },
    chatTemplate: { name: 'plain' },
    kafka: {
      brokers: [around.kafka.broker],
      tls: { enabled: true, caSecret: AUTHORITY_SECRET },
      sasl: { mechanism: 'scram-sha-512', username: around.login.name, existingSecret },
    },
    topics: { partitions: 1 },
    tls: { mode: 'mutual', ...(settings.certificates === 'cert-manager' && issued) },
    access: { enabled: true },
    autoscaling: {
      ...{ mode: change === 'none' || change === 'keda' ? change : 'hpa', cooldownSeconds: 30 },
      scorer: { maxReplicas: MAX_SCORERS, targetCPUPercent: TARGET_CPU_PERCENT },
      tokenizer: { maxReplicas: 1 },
    },
    ...(settings.prometheus && { metrics: { serviceMonitor: { enabled: true }, prometheusRule: { enabled: true } } }),
    networkPolicy: {
      ...(settings.prometheus && { monitoring: MONITORING }),
      kafka: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': settings.outside } } }],
    },
    // Time for a pod to start on a busy node, and then for a wrong password to be told; the default waits for brokers that come up later.
    hooks: { timeoutSeconds: 240 },
    tokenizer: { resources },
    // One thread, as the run that it is compared with.
    scorer: { resources: { ...resources, requests: { cpu: '200m', memory: '192Mi' } }, settings: { threads: 1 } },
    optimizer: {
      ...{ resources, persistence: { size: '1Gi' } },
      settings: { checkpointEvery: 5, ...evaluationSettings(settings) },
    },
    sampler: { enabled: true, resources, settings: { threads: 1, cacheMib: 64 } },
    evaluation: EVALUATION,
  };
}
