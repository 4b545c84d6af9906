import { AlphapoError } from '@alphapo/base';
import { type V1Lease, V1MicroTime } from '@kubernetes/client-node';
import type { LeaseRecord, LeaseStore, StoredLease } from '../leadership/lease-store.ts';
import { asking, type KubernetesApi } from './api.ts';

/** A Lease in a namespace. */
export function kubernetesLease({ coordination }: KubernetesApi, namespace: string, name: string): LeaseStore {
  const doing = (what: string) => `${what} lease ${namespace}/${name}`;
  return {
    async read() {
      try {
        return stored(await asking(doing('reading'), coordination.readNamespacedLease({ name, namespace })));
      } catch (error) {
        if (error instanceof AlphapoError && error.code === 'not-found') return undefined;
        throw error;
      }
    },
    async write(record, version) {
      const body = leaseObject(record, { name, namespace }, version);
      const request =
        version === undefined
          ? coordination.createNamespacedLease({ namespace, body })
          : coordination.replaceNamespacedLease({ name, namespace, body });
      return stored(await asking(doing('writing'), request));
    },
  };
}

function leaseObject(
  { holder, durationMs, acquiredAt, renewedAt, transitions }: LeaseRecord,
  place: { readonly name: string; readonly namespace: string },
  resourceVersion: string | undefined,
): V1Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { ...place, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      acquireTime: new V1MicroTime(acquiredAt),
      renewTime: new V1MicroTime(renewedAt),
      leaseTransitions: transitions,
    },
  };
}

function stored({ metadata, spec }: V1Lease): StoredLease {
  return {
    holder: spec?.holderIdentity ?? '',
    durationMs: (spec?.leaseDurationSeconds ?? 0) * 1000,
    acquiredAt: new Date(spec?.acquireTime ?? 0),
    renewedAt: new Date(spec?.renewTime ?? 0),
    transitions: spec?.leaseTransitions ?? 0,
    version: metadata?.resourceVersion ?? '',
  };
}
