import { brokerProperties } from '../kafka/broker-properties.ts';
import { SCRAM_SETTINGS, tlsSettings } from '../kafka/listener-security.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { KAFKA_IMAGE, TAG } from './images.ts';
import { CONTAINER_SECURITY, type Kubectl, POD_SECURITY } from './kubectl.ts';

const NAME = 'kafka';
const PORT = 9094;
const PLACE = { port: 9092, controllerPort: 9093, dataFolder: '/var/lib/kafka/data' };
const START = `
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id AlphapoSecuredBroker01 \\
  --config /settings/server.properties --add-scram "SCRAM-SHA-512=[name=$LOGIN_NAME,password=$LOGIN_PASSWORD]"
exec /opt/kafka/bin/kafka-server-start.sh /settings/server.properties
`;

export interface Login {
  readonly name: string;
  readonly password: string;
}

export interface SecuredKafka {
  /** As `host:port`. */
  readonly broker: string;
  /** PEM of the authority that its certificate is from. */
  readonly authority: string;
}

/** Starts a broker as those that clusters have: clients of other namespaces reach it over TLS, and log in by SCRAM. */
export async function startSecuredKafka(kubectl: Kubectl, { name: user, password }: Login): Promise<SecuredKafka> {
  const host = `${NAME}.${kubectl.namespace}.svc`;
  const authority = await certificateAuthority();
  const listener = {
    ...{ host: '0.0.0.0', port: PORT, advertisedHost: host, advertisedPort: PORT, protocol: 'SASL_SSL' as const },
    settings: { ...tlsSettings(await authority.issue({ dns: [host] })), ...SCRAM_SETTINGS },
  };
  const properties = brokerProperties({ ...PLACE, listeners: [listener] });
  const labels = { app: NAME };
  const metadata = { name: NAME, labels };
  const stringData = { 'server.properties': properties, user, password };
  kubectl.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData });
  const fromSecret = (key: string) => ({ secretKeyRef: { name: NAME, key } });
  kubectl.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: POD_SECURITY,
      containers: [
        {
          name: NAME,
          image: `${KAFKA_IMAGE}:${TAG}`,
          command: ['sh', '-ec', START],
          env: [
            { name: 'LOG_DIR', value: '/tmp/logs' },
            { name: 'LOGIN_NAME', valueFrom: fromSecret('user') },
            { name: 'LOGIN_PASSWORD', valueFrom: fromSecret('password') },
          ],
          readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1 },
          securityContext: CONTAINER_SECURITY,
          volumeMounts: [
            { name: 'data', mountPath: '/var/lib/kafka' },
            { name: 'settings', mountPath: '/settings' },
          ],
        },
      ],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'settings', secret: { secretName: NAME } },
      ],
    },
  });
  kubectl.apply({ apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: PORT }] } });
  await kubectl.run('wait', `pod/${NAME}`, '--for=condition=Ready', '--timeout=120s');
  return { broker: `${host}:${PORT}`, authority: authority.certificate };
}
