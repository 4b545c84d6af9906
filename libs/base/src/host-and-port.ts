import { AlphapoError } from './errors.ts';

export interface HostAndPort {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `0.0.0.0:50051`, `localhost:0`, `[::]:50051`. Errors: INVALID_ADDRESS. */
export function parseHostAndPort(address: string): HostAndPort {
  const [, host, port] = /^(\[[^\]]+\]|[^[\]:]+):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_ADDRESS',
      `"${address}" is not host:port, such as 0.0.0.0:50051 or [::]:50051`,
    );
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** The text of it, with brackets around IPv6 addresses. */
export function formatHostAndPort({ host, port }: HostAndPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
