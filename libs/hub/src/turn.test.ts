import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
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

test('whoever finds late that a holder is dead leaves its successor alone', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, FILE);
  // The late one reads a pipe, and has read when this test says so.
  await once(spawn('mkfifo', [path]), 'exit');
  const order: string[] = [];
  const late = takeTurn(folder, { onWait: () => void order.push('late one waits') }).then(async (turn) => {
    order.push('late one');
    await turn[Symbol.asyncDispose]();
  });
  await using pipe = await open(path, 'w');
  await rm(path);
  const successor = await takeTurn(folder);
  await pipe.writeFile(holder(hostname(), process.pid));
  await pipe.close();
  await sleep(200);
  order.push('successor ends');
  await successor[Symbol.asyncDispose]();
  await late;
  expect(order).toEqual(['late one waits', 'successor ends', 'late one']);
  expect(await readdir(folder)).toEqual([]);
});

test('one that died while it was to follow a dead one stops nobody', async () => {
  const folder = await temporaryFolder();
  for (const file of [FILE, `${FILE}.ending`]) await writeFile(join(folder, file), holder(hostname(), process.pid));
  await using _ = await takeTurn(folder, { onWait: () => expect('waited').toBe('not') });
  expect(await readdir(folder)).toEqual([FILE]);
});

test('one that lost its turn shows no life for its successor, and leaves it the turn', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, FILE);
  const hung = await takeTurn(folder, { silentMs: 480 });
  const long = new Date('2026-01-01');
  await utimes(path, long, long);
  await sleep(300);
  expect((await stat(path)).mtime).not.toEqual(long);
  await writeFile(path, holder('another-machine', 1));
  await sleep(100);
  await utimes(path, long, long);
  await sleep(100);
  await hung[Symbol.asyncDispose]();
  expect((await stat(path)).mtime).toEqual(long);
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

test('waiting ends with the signal where the file is there and then not', async () => {
  const folder = await temporaryFolder();
  await symlink('nowhere', join(folder, FILE));
  await expect(takeTurn(folder, { signal: AbortSignal.timeout(50) })).rejects.toThrow('aborted');
});

test('what cannot be read is an error, and not waited for', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, FILE));
  await expect(takeTurn(folder)).rejects.toMatchObject({ code: 'EISDIR' });
});
