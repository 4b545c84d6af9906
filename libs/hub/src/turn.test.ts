import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../../../test/temporary-folder.ts';
import { takeTurn } from './turn.ts';

const FILE = '.alphapo-fetching';
const holder = (host: string, pid: number) => JSON.stringify({ id: 'x', host, pid });

test('a turn is had by one, and passed on when it is given up', async () => {
  const folder = await temporaryFolder();
  const order: string[] = [];
  const first = await takeTurn(folder);
  const second = takeTurn(folder, { onWait: () => void order.push('waits') }).then(async (turn) => {
    order.push('second');
    await turn[Symbol.asyncDispose]();
  });
  await sleep(100);
  order.push('first ends');
  await first[Symbol.asyncDispose]();
  await second;
  expect(order).toEqual(['waits', 'first ends', 'second']);
});

test('that of a process which died here is over at once; a container is restarted with the number of the one before it', async () => {
  const dead = spawn('true');
  await once(dead, 'exit');
  for (const pid of [dead.pid as number, process.pid]) {
    const folder = await temporaryFolder();
    await writeFile(join(folder, FILE), holder(hostname(), pid));
    await using _ = await takeTurn(folder, { onWait: () => expect('waited').toBe('not') });
  }
});

test('that of another machine is over when it has shown no life for long', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, FILE);
  await writeFile(path, holder('another-machine', 1));
  const began = performance.now();
  const taking = takeTurn(folder, { silentMs: 1_000 });
  await sleep(700);
  await utimes(path, new Date(), new Date());
  await using _ = await taking;
  expect(performance.now() - began).toBeGreaterThan(1_600);
});

test('waiting ends with the signal', async () => {
  const folder = await temporaryFolder();
  await using _ = await takeTurn(folder);
  await expect(takeTurn(folder, { signal: AbortSignal.timeout(50) })).rejects.toThrow('aborted');
});
