import { lookup as lookupInDns } from 'node:dns/promises';
import { AlphapoError, formatHostAndPort, messageOf, parseHostAndPort } from '@alphapo/base';

/** What a name stands for: its addresses, each with the family 4 or 6. */
export type Lookup = (
  host: string,
  options: { readonly all: true },
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/**
 * Every address that a host and port has now: behind a headless Service, each ready pod; none while there are no pods. Of
 * a name with IPv4 and IPv6 addresses those of IPv4: the others lead to the same pods. Errors: INVALID_ADDRESS, and
 * HOST_LOOKUP_FAILED (unavailable), which says nothing about the pods.
 */
export async function resolveAddresses(address: string, lookup: Lookup = lookupInDns): Promise<string[]> {
  const { host, port } = parseHostAndPort(address);
  const found = await lookup(host, { all: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOTFOUND') return [];
    throw new AlphapoError(
      'unavailable',
      'HOST_LOOKUP_FAILED',
      `the addresses of ${host} cannot be resolved (${messageOf(error)}); check DNS on this machine`,
      { cause: error },
    );
  });
  const preferred = found.some(({ family }) => family === 4) ? found.filter(({ family }) => family === 4) : found;
  return preferred.map((one) => formatHostAndPort({ host: one.address, port }));
}
