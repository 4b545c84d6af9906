import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import type { Command } from 'commander';
import { countProgress } from './terminal.ts';

/** Options of commands that may fetch from a hub. */
export interface HubValues {
  readonly endpoint?: string;
  readonly tokenFile?: string;
}

export function addHubOptions(command: Command): Command {
  return command
    .option('--endpoint <url>', 'URL of another hub (HF_ENDPOINT)')
    .option('--token-file <file>', 'file with an access token for the hub (or HF_TOKEN)');
}

/** Where a hub is, and what opens it: from options, else from the environment. Errors: NO_TOKEN_FILE. */
export interface HubAccess {
  readonly endpoint: string | undefined;
  readonly token: string | undefined;
}

export async function hubAccess({ endpoint, tokenFile }: HubValues): Promise<HubAccess> {
  const token = tokenFile === undefined ? process.env.HF_TOKEN : (await readToken(tokenFile)).trim();
  return { endpoint: endpoint ?? process.env.HF_ENDPOINT, token };
}

async function readToken(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new AlphapoError('invalid-argument', 'NO_TOKEN_FILE', `--token-file ${file} cannot be read`, {
      cause: error,
    });
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const SAID_YES = /^(?:1|on|yes|true)$/i;

interface CacheSettings extends HubAccess {
  readonly cache: string;
  readonly offline: boolean;
  readonly signal: AbortSignal;
  onNote(note: string): void;
  onWait(): void;
  onProgress(progress: { readonly file: string; readonly fetchedBytes: number; readonly totalBytes: number }): void;
}

/**
 * Fetches into the cache, with a bar, until it is done or interrupted. The cache is the folder ALPHAPO_CACHE; with HF_HUB_OFFLINE the hub is not
 * asked. Errors: those of `fetch`, and STOPPED.
 */
export async function fromHub<T>(
  access: HubAccess,
  onNote: (note: string) => void,
  fetch: (settings: CacheSettings) => Promise<T>,
): Promise<T> {
  const progress = countProgress('MB', 1e6);
  const interrupted = new AbortController();
  // Not for longer than the fetch: what comes after it has its own way to stop.
  const onInterrupt = () => interrupted.abort();
  for (const signal of SIGNALS) process.once(signal, onInterrupt);
  try {
    return await fetch({
      ...access,
      cache: cacheFolder(process.env),
      offline: SAID_YES.test(process.env.HF_HUB_OFFLINE ?? ''),
      signal: interrupted.signal,
      onNote,
      onWait: () => onNote('waiting for another process that is fetching the same files'),
      onProgress: ({ file, fetchedBytes, totalBytes }) => progress.update(fetchedBytes, totalBytes, file),
    });
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    throw new AlphapoError('cancelled', 'STOPPED', 'stopped; run the same command to resume', { cause: error });
  } finally {
    progress.stop();
    for (const signal of SIGNALS) process.off(signal, onInterrupt);
  }
}

function cacheFolder({ ALPHAPO_CACHE, XDG_CACHE_HOME }: NodeJS.ProcessEnv): string {
  return ALPHAPO_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'alphapo', 'hub');
}
