import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FILE = '.alphapo-fetching';
const LOOK_MS = 500;
/** Longer than volumes on a network keep what they know of a file. */
const SILENT_MS = 120_000;
/** Signs of life in the time after which silence is death. */
const BEATS = 24;
/** Of a file that is not there; a volume on a network may find that out only while it is read. */
const GONE = ['ENOENT', 'ESTALE'];

/** Turns of this process, and those that it waits for. */
const held = new Set<string>();

interface TurnOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, when another process has the turn. */
  readonly onWait?: (() => void) | undefined;
  /** Milliseconds after which a holder that does not show that it is alive has lost the turn. */
  readonly silentMs?: number | undefined;
}

/**
 * The turn to write into a folder that many processes may want to fill at once, on one machine or on a volume that several have;
 * disposing passes it on. It is a file, which its holder touches again and again. A holder that died is followed at once by a process of
 * the same machine or container, and by others after `silentMs`. One that only hung may then write beside its successor: whoever holds
 * a turn must check what it has written. Errors of the file system are thrown as they are.
 */
export function takeTurn(folder: string, options: TurnOptions = {}): Promise<AsyncDisposable> {
  return take(join(folder, FILE), options);
}

async function take(path: string, options: TurnOptions): Promise<AsyncDisposable> {
  const { silentMs = SILENT_MS } = options;
  const own = JSON.stringify({ id: randomUUID(), host: hostname(), pid: process.pid });
  // As long as there is a file, and before: another caller in this process may read it at any time.
  held.add(own);
  try {
    await createInTurn(path, own, options);
  } catch (error) {
    held.delete(own);
    throw error;
  }
  const beating = setInterval(() => void beat(path, own), silentMs / BEATS).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beating);
      if ((await contentOf(path).catch(() => undefined)) === own) await rm(path, { force: true });
      held.delete(own);
    },
  };
}

async function createInTurn(path: string, own: string, options: TurnOptions): Promise<void> {
  const { signal, onWait, silentMs = SILENT_MS } = options;
  let seen: Sighting | undefined;
  while (!(await create(path, own))) {
    const now = await sight(path);
    if (now !== undefined) {
      if (isOver(now.holder) || (seen?.beat === now.beat && performance.now() - seen.at > silentMs)) {
        await end(path, now, options);
        continue;
      }
      if (seen === undefined) onWait?.();
      if (seen?.beat !== now.beat) seen = now;
    }
    await sleep(LOOK_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/**
 * Removes the file of a holder that was found dead. Others may have found that too, and the first of them may have followed it already:
 * they go one by one, each has another look, and none removes its successor's file. That they go one by one is a turn like this one.
 */
async function end(path: string, { beat }: Sighting, { signal, silentMs }: TurnOptions): Promise<void> {
  await using _turn = await take(`${path}.ending`, { signal, silentMs });
  if ((await sight(path))?.beat === beat) await rm(path, { force: true });
}

/** What was seen of a turn that another process has. */
interface Sighting {
  readonly holder: string;
  /** Changes as long as the holder is alive. */
  readonly beat: string;
  readonly at: number;
}

async function sight(path: string): Promise<Sighting | undefined> {
  const [holder, status] = [await contentOf(path), await ifThere(stat(path))];
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

/** Shows that the holder is alive. Where it cannot, the turn may pass on; its successor has to show that itself. */
async function beat(path: string, own: string): Promise<void> {
  try {
    if ((await contentOf(path)) !== own) return;
    const now = new Date();
    await utimes(path, now, now);
  } catch {
    // The next time, perhaps.
  }
}

const contentOf = (path: string): Promise<string | undefined> => ifThere(readFile(path, 'utf8'));

/** Undefined where the file is gone. */
async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (GONE.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
