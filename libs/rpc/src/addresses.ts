import { lookup } from 'node:dns/promises';

/** Every address that a host and port has now: behind a headless Service, each ready pod; none while there are no pods. */
export async function resolveAddresses(hostAndPort: string): Promise<string[]> {
  const colon = hostAndPort.lastIndexOf(':');
  const [host, port] = [hostAndPort.slice(0, colon), hostAndPort.slice(colon + 1)];
  try {
    const found = await lookup(host, { all: true, family: 4 });
    return found.map(({ address }) => `${address}:${port}`);
  } catch {
    return [];
  }
}
