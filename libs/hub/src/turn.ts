import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FILE = '.alphapo-fetching';
const BEAT_MS = 5_000;
const LOOK_MS = 500;
/** Longer than volumes on a network keep what they know of a file. */
const SILENT_MS = 120_000;

/** Turns of this process. */
const held = new Set<string>();

interface TurnOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, when another process has the turn. */
  readonly onWait?: (() => void) | undefined;
  /** Milliseconds after which a holder that does not show that it is alive has lost the turn. */
  readonly silentMs?: number;
}

/**
 * The turn to write into a folder that many processes may want to fill at once, on one machine or on a volume that several have;
 * disposing passes it on. It is a file, which its holder touches again and again. A holder that died is followed at once by a process of
 * the same machine or container, and by others after `silentMs`. One that only hung may then write beside its successor: whoever holds
 * a turn must check what it has written.
 */
export async function takeTurn(folder: string, options: TurnOptions = {}): Promise<AsyncDisposable> {
  const { signal, onWait, silentMs = SILENT_MS } = options;
  const path = join(folder, FILE);
  const own = JSON.stringify({ id: randomUUID(), host: hostname(), pid: process.pid });
  let seen: Sighting | undefined;
  while (!(await create(path, own))) {
    const now = await sight(path);
    if (now === undefined) continue;
    if (isOver(now.holder) || (seen?.beat === now.beat && performance.now() - seen.at > silentMs)) {
      await rm(path, { force: true });
      continue;
    }
    if (seen === undefined) onWait?.();
    if (seen?.beat !== now.beat) seen = now;
    await sleep(LOOK_MS, undefined, signal === undefined ? {} : { signal });
  }
  held.add(own);
  const beating = setInterval(() => void beat(path), BEAT_MS).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beating);
      held.delete(own);
      if ((await contentOf(path)) === own) await rm(path, { force: true });
    },
  };
}

/** What was seen of a turn that another process has. */
interface Sighting {
  readonly holder: string;
  /** Changes as long as the holder is alive. */
  readonly beat: string;
  readonly at: number;
}

async function sight(path: string): Promise<Sighting | undefined> {
  const [holder, status] = [await contentOf(path), await stat(path).catch(() => undefined)];
  if (holder === undefined || status === undefined) return undefined;
  return { holder, beat: `${holder} ${status.mtimeMs}`, at: performance.now() };
}

/** Whether the holder was a process here that has ended. A restarted container has the number of the one before it. */
function isOver(holder: string): boolean {
  const { host, pid } = ownerOf(holder);
  if (host !== hostname() || pid === undefined) return false;
  if (pid === process.pid) return !held.has(holder);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function ownerOf(holder: string): { readonly host?: string; readonly pid?: number } {
  try {
    return JSON.parse(holder);
  } catch {
    // Its writer is not done.
    return {};
  }
}

/** False where the file is there already. */
async function create(path: string, content: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx');
    await file.writeFile(content);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Shows that the holder is alive. Where it cannot, the turn may pass on. */
async function beat(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

const contentOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);
