import type { Kubectl } from './kubectl.ts';

/** Name of the Issuer that certificates of the trial come from. */
export const ISSUER = 'authority';

const SELF_SIGNED = 'self-signed';
const API_VERSION = 'cert-manager.io/v1';

/** An authority of cert-manager's in a namespace, and the Issuer that signs with it. */
export async function makeIssuer(kubectl: Kubectl): Promise<void> {
  const issuer = (name: string, spec: object) =>
    kubectl.apply({ apiVersion: API_VERSION, kind: 'Issuer', metadata: { name }, spec });
  issuer(SELF_SIGNED, { selfSigned: {} });
  kubectl.apply({
    apiVersion: API_VERSION,
    kind: 'Certificate',
    metadata: { name: ISSUER },
    spec: {
      ...{ isCA: true, commonName: ISSUER, secretName: ISSUER },
      privateKey: { algorithm: 'ECDSA', size: 256 },
      issuerRef: { name: SELF_SIGNED },
    },
  });
  await kubectl.run('wait', `certificate/${ISSUER}`, '--for=condition=Ready', '--timeout=60s');
  issuer(ISSUER, { ca: { secretName: ISSUER } });
  await kubectl.run('wait', `issuer/${ISSUER}`, '--for=condition=Ready', '--timeout=60s');
}
