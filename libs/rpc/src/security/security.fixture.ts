import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@alphapo/telemetry';
import { createLogger } from '@alphapo/telemetry';
import { type Authority, type Identity, writeIdentity } from '../../../../test/support/certificates.ts';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { RpcSecurity } from './rpc-security.ts';

/** Security as services get it: environment variables that name files. */

const silent = createLogger({ service: 'test', level: 'silent' });
/** Files are looked at so often that a test can wait for it. */
export const RELOAD_MS = 20;

export const token = (digit: string) => digit.repeat(32);

export interface SecuredOptions {
  readonly tls?: 'on' | 'mutual';
  readonly identity?: Identity;
  readonly authority?: Authority;
  readonly access?: string;
  readonly token?: string;
  readonly more?: Readonly<Record<string, string>>;
  readonly logger?: Logger;
}

export interface Secured {
  readonly security: RpcSecurity;
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
}

/** Writes the files, and opens what the variables say. */
export async function secured(options: SecuredOptions): Promise<Secured> {
  const folder = await temporaryFolder();
  const file = async (name: string, content: string) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const environment: Record<string, string> = { ...options.more };
  if (options.tls !== undefined) environment.ALPHAPO_TLS = options.tls;
  if (options.identity !== undefined) {
    const { certificate, key } = await writeIdentity(folder, 'identity', options.identity);
    Object.assign(environment, { ALPHAPO_TLS_CERT: certificate, ALPHAPO_TLS_KEY: key });
  }
  if (options.authority !== undefined) environment.ALPHAPO_TLS_CA = await file('ca.pem', options.authority.certificate);
  if (options.access !== undefined) environment.ALPHAPO_ACCESS_FILE = await file('access', options.access);
  if (options.token !== undefined) environment.ALPHAPO_TOKEN_FILE = await file('token', `${options.token}\n`);
  const { logger = silent } = options;
  const security = await RpcSecurity.fromSettings({ environment }, { logger, reloadMs: RELOAD_MS });
  return { security, environment, folder };
}
