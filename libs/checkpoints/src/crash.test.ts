import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { someCheckpoint } from './checkpoint.fixture.ts';
import { CheckpointStore } from './store.ts';

const WRITER = `
  const { CheckpointStore } = await import(${JSON.stringify(join(import.meta.dirname, 'store.ts'))});
  const { someCheckpoint } = await import(${JSON.stringify(join(import.meta.dirname, 'checkpoint.fixture.ts'))});
  const store = new CheckpointStore(process.argv[1]);
  const start = ((await store.newest())?.step ?? 0) + 1;
  for (let step = start; ; step++) {
    await store.write(someCheckpoint(step));
    console.log(step);
    await store.prune({ newest: 3 });
  }
`;

const ROUNDS = 6;

test('a writer killed at any time leaves an intact newest checkpoint, and goes on from it', async () => {
  const directory = join(await temporaryFolder(), 'checkpoints');
  let lastReported = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    writer.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await once(writer.stdout, 'data');
    await sleep(17 * round);
    writer.kill('SIGKILL');
    await once(writer, 'close');
    lastReported = Number(output.trimEnd().split('\n').at(-1));
    const damaged: string[] = [];
    const newest = await new CheckpointStore(directory, { onDamaged: (name) => damaged.push(name) }).newest();
    expect(damaged).toEqual([]);
    expect(newest?.step).toBeGreaterThanOrEqual(lastReported);
    expect(newest).toEqual(someCheckpoint(newest?.step ?? -1));
  }
  expect(lastReported).toBeGreaterThanOrEqual(ROUNDS);
});
